"""Steps that a child process compiles while the learner learns; a stand-in takes the compiler's place, which takes minutes."""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from drc_train.config import Config, load_config
from drc_train.learner import background_compiler as background
from drc_train.learner.compile_child import MOST_HELP_FIRST, About, step_file
from drc_train.learner.compiler_cache import steps_folder, steps_key
from drc_train.learner.em import Learner
from drc_train.learner.m_step import M_STEP
from drc_train.model.objective import m_step_loss
from drc_train.model.regions import RegionModel
from drc_train.sampling.langevin import posterior_step, prior_step
from drc_train.training.record import RunRecord, RunState

CPU = torch.device("cpu")
ENDLESS = "import time; time.sleep(600)"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "compiler"


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the program that runs in the compiling process's place."""

    def use(code: str) -> None:
        monkeypatch.setattr(background, "PROGRAM", (sys.executable, "-c", code))

    return use


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, tiny_config: Config) -> list[str]:
    """Names of the steps that were loaded; what they compute is computed by autograd, whatever the files hold."""
    names: list[str] = []

    def load(path: Path, example: tuple[Any, ...], probe: bool) -> object:
        names.append(path.stem)
        if path.read_text() == "damaged":
            raise RuntimeError("not a step\nmany more lines")
        return partial(compute, path.stem, tiny_config)

    monkeypatch.setattr(background, "load_compiled", load)
    return names


def compute(name: str, config: Config, parameters: dict[str, torch.Tensor], *tensors: torch.Tensor) -> tuple[Any, ...]:
    """What a compiled step computes."""
    model, train = RegionModel(config.model, torch.Generator()), config.train
    model.load_state_dict(parameters, strict=False)  # constants are among the parameters as well
    if name != M_STEP:
        return posterior_step(model, *tensors, train)[:2] if name == "posterior" else prior_step(model, *tensors, train)
    with torch.enable_grad():
        loss, parts = m_step_loss(model, *tensors, train, train.m_step_sigma)
        loss.backward()
    gradients = [it.grad for it in model.generator_parameters().values()]
    return (*gradients, *(part.detach() for part in parts.values()))


def fill(config: Config, names: tuple[str, ...] = MOST_HELP_FIRST) -> Path:
    """Leaves compiled steps in the cache, as an earlier run does."""
    folder = steps_folder(steps_key(config, 4))
    model, train = RegionModel(config.model, torch.Generator()), config.train
    z, size = torch.zeros(4, config.model.latent.total), config.model.image_size
    parts = m_step_loss(model, z, torch.zeros(4, 3, size, size), train, train.m_step_sigma)[1]
    About(probe=False, parts=tuple(parts)).write(folder)
    for name in names:
        step_file(folder, name).write_text("whole")
    return folder


def test_learning_starts_at_once_and_changes_to_compiled_steps_between_two_iterations(
    tiny_config: Config, tiny_images: torch.Tensor, child: Callable[[str], None], loaded: list[str]
) -> None:
    child(ENDLESS)
    learner = Learner(tiny_config, tiny_images, CPU)
    plain = Learner(tiny_config, tiny_images, CPU, compiled=False)
    assert learner.step() == plain.step() and not learner.swaps and not learner.notes
    fill(tiny_config, ("posterior",))
    learner.step()
    assert [(it.names, it.iteration) for it in learner.swaps] == [(("posterior",), 1)]
    fill(tiny_config)
    figures = learner.step()
    plain.step()
    for name, value in plain.step().items():
        assert figures[name] == pytest.approx(value, rel=1e-3, abs=1e-4), name
    assert loaded == ["posterior", M_STEP, "prior"] and len(learner.swaps) == 2
    assert learner.notes[1].startswith("M-step and prior chain compiled from iteration 3 on (")
    learner.close()


def test_a_second_run_finds_the_steps_and_starts_no_compiler(
    tiny_config: Config, tiny_images: torch.Tensor, child: Callable[[str], None], loaded: list[str]
) -> None:
    fill(tiny_config)
    child("raise SystemExit('started')")
    learner = Learner(tiny_config, tiny_images, CPU)
    learner.wait_until_compiled()
    learner.step()
    assert [(it.names, it.iteration) for it in learner.swaps] == [(MOST_HELP_FIRST, 0)]
    assert len(learner.notes) == 1 and "from iteration 1 on" in learner.notes[0]
    about = RunRecord("clip", "edge-32", 10, compiled=tuple(learner.swaps))
    state = RunState("checkpoint-00000001.safetensors", 1, 4, tiny_config, about)
    assert RunState.from_json(state.to_json(), "run").about.compiled == about.compiled


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('no C++ compiler')", "it ended with exit code 1: RuntimeError: no C++ compiler"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "it ended with SIGKILL: no message"),
        ("pass", "it ended with exit code 0: no message"),
    ],
)
def test_without_a_compiler_learning_goes_on_and_says_so_in_one_line(
    code: str, reason: str, tiny_config: Config, tiny_images: torch.Tensor, child: Callable[[str], None]
) -> None:
    child(code)
    learner = Learner(tiny_config, tiny_images, CPU)
    learner.wait_until_compiled()
    learner.take_compiled()
    assert learner.notes == [f"learning without the compiler, slower: {reason}"]


def test_a_cache_that_cannot_be_written_or_that_others_can_write_is_not_used(
    tiny_config: Config, tiny_images: torch.Tensor, child: Callable[[str], None], cache: Path
) -> None:
    child("raise SystemExit('started')")
    cache.parent.mkdir()
    cache.write_text("a file")
    learner = Learner(tiny_config, tiny_images, CPU)
    assert len(learner.notes) == 1 and "cannot write" in learner.notes[0] and "DRC_CACHE" in learner.notes[0]
    cache.unlink()
    fill(tiny_config)
    cache.chmod(0o777)
    learner = Learner(tiny_config, tiny_images, CPU)
    learner.take_compiled()
    assert not learner.swaps and "others can write" in learner.notes[0]


def test_a_damaged_step_is_compiled_again(
    tiny_config: Config, tiny_images: torch.Tensor, child: Callable[[str], None], loaded: list[str]
) -> None:
    folder = fill(tiny_config)
    step_file(folder, "posterior").write_text("damaged")
    child(ENDLESS)
    learner = Learner(tiny_config, tiny_images, CPU)
    learner.take_compiled()
    assert learner.swaps[0].names == (M_STEP, "prior") and not step_file(folder, "posterior").exists()
    step_file(folder, "posterior").write_text("whole")
    learner.take_compiled()
    assert learner.swaps[1].names == ("posterior",)
    learner.close()


def test_a_step_that_cannot_be_loaded_in_the_middle_of_a_run_is_left_out(
    tiny_config: Config, tiny_images: torch.Tensor, child: Callable[[str], None], loaded: list[str]
) -> None:
    child(ENDLESS)
    learner = Learner(tiny_config, tiny_images, CPU)
    step_file(fill(tiny_config, ()), "posterior").write_text("damaged")
    learner.take_compiled()
    assert learner.notes == ["learning without the compiler, slower: not a step"]
    learner.close()


def test_a_sigma_that_changes_has_no_compiled_m_step(
    tiny_overrides: list[str], tiny_images: torch.Tensor, child: Callable[[str], None], loaded: list[str]
) -> None:
    annealed = [*tiny_overrides, "train.m_step_sigma=0.8", "train.final_m_step_sigma=0.2"]
    config = load_config("edge-32", annealed)
    fill(config)
    child("raise SystemExit('started')")
    learner = Learner(config, tiny_images, CPU)
    learner.take_compiled()
    assert loaded == ["posterior", "prior"] and learner.swaps[0].names == ("posterior", "prior")


def test_the_compiling_process_ends_with_the_learner(
    tiny_config: Config, tiny_images: torch.Tensor, child: Callable[[str], None]
) -> None:
    child("import subprocess; print(); subprocess.run(['sleep', '600'])")  # as the compiler starts another
    learner = Learner(tiny_config, tiny_images, CPU)
    process = learner._compiler._child  # type: ignore[union-attr]
    assert process is not None and process.poll() is None
    learner.close()
    with pytest.raises(
        ProcessLookupError
    ):  # nobody of its group is left; what init has not yet collected takes a moment
        for _ in range(200):
            os.killpg(process.pid, 0)
            time.sleep(0.05)
    learner.take_compiled()
    assert not learner.notes


@pytest.mark.slow
def test_the_real_compiler_computes_what_the_traced_graphs_compute(
    tiny_config: Config, tiny_images: torch.Tensor
) -> None:
    """Two learners in turn: the first compiles, the second finds the cache filled and goes on bit by bit like the first."""
    first = Learner(tiny_config, tiny_images, CPU)
    first.wait_until_compiled()
    assert [it.names for it in first.swaps] == [MOST_HELP_FIRST], first.notes
    second, plain = Learner(tiny_config, tiny_images, CPU), Learner(tiny_config, tiny_images, CPU, compiled=False)
    for _ in range(3):
        compiled, again, traced = first.step(), second.step(), plain.step()
        assert compiled == again
        for name, value in traced.items():
            assert compiled[name] == pytest.approx(value, rel=1e-3, abs=1e-4), name
    assert [it.names for it in second.swaps] == [MOST_HELP_FIRST] and second._compiler._child is None  # type: ignore[union-attr]
