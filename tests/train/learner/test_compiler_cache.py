"""The folders of compiled steps: whose they are, when they are found again, and which go."""

import os
from pathlib import Path

import pytest
import torch

from drc_runtime.lock import lock
from drc_train.config import Config, load_config
from drc_train.learner import compiler_cache
from drc_train.learner.compiler_cache import NOT_COMPILED, kernels_of, steps_folder, steps_key
from drc_train.learner.em import Learner
from drc_train.learner.m_step import GeneratorGradient
from drc_train.sampling.sampler import training_graph


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "compiler"


def filled(key: str, size: int, age: float) -> Path:
    folder = steps_folder(key)
    (folder / "posterior.step").write_bytes(bytes(size))
    used = (folder / "lock").stat().st_mtime - age
    os.utime(folder / "lock", (used, used))
    return folder


def test_the_folders_used_longest_ago_go_when_all_are_too_large(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler_cache, "MOST_BYTES", 250)
    old, older = filled("old", 100, 50), filled("older", 100, 100)
    foreign = root / "foreign"
    foreign.mkdir()
    (foreign / "file").write_bytes(bytes(1000))
    kept = filled("oldest", 100, 200)
    with lock(kept / "lock", "it", is_left=lambda: True):  # a process compiles into it
        new = steps_folder("new")
        assert all(it.exists() for it in (old, older, new, kept, foreign)) is False
        assert [it.exists() for it in (old, older, kept, foreign)] == [True, False, True, True]
    filled("new", 100, 0)
    steps_folder("new")
    assert not kept.exists() and old.exists() and new.exists()


def test_the_key_changes_with_what_is_compiled_and_with_nothing_else(
    tiny_config: Config, tiny_overrides: list[str]
) -> None:
    key = steps_key(tiny_config, 4)

    def other(*changes: str) -> str:
        return steps_key(load_config("edge-32", [*tiny_overrides, *changes]), 4)

    assert other("train.seed=7", "train.generator_rate=0.01", "train.posterior_steps=9", "train.averaging=0.5") == key
    changes = ("train.posterior_step_size=0.2", "train.m_step_sigma=0.3", "train.share_weight=3", "model.sigma=0.3")
    keys = {key, steps_key(tiny_config, 8), *(other(change) for change in changes)}
    keys.add(other("train.precision=bfloat16"))
    assert len(keys) == 7


@pytest.mark.slow
def test_no_step_depends_on_a_setting_that_the_key_leaves_out(
    tiny_config: Config, tiny_overrides: list[str], tiny_images: torch.Tensor
) -> None:
    values = {"mirror": "true", "redraw": "0.3", "follow": "0.2", "averaging": "0.9", "beta1": "0.1", "beta2": "0.9"}
    changes = [f"train.{name}={values.get(name, 3)}" for name in sorted(NOT_COMPILED)]
    programs = []
    for config in (tiny_config, load_config("edge-32", [*tiny_overrides, *changes])):
        model = Learner(config, tiny_images, torch.device("cpu"), compiled=False).model
        graphs = [training_graph(name, model, config, 4, torch.device("cpu"))[0] for name in ("posterior", "prior")]
        graphs.append(GeneratorGradient(model, config.train, False).training_graph(config, 4)[0])
        programs.append([graph.code for graph in graphs])
    assert programs[0] == programs[1]
    assert changes[0].startswith("train.averaging") and len(changes) == len(NOT_COMPILED)


def test_the_compiler_s_folder_is_set_within_the_block_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    with kernels_of(tmp_path):
        assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "kernels")
    assert "TORCHINDUCTOR_CACHE_DIR" not in os.environ
