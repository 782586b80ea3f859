"""The public ``train`` function: stops, resumes, refuses, and loses nothing."""

import contextlib
import io
import os
import resource
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from drc_runtime.errors import ConfigError, OutputError, SourceError, TrainingError, UsageError
from drc_runtime.machine import machine_name
from drc_train import Recipe, Reporting, train
from drc_train.learner.em import Learner
from drc_train.training import loop, monitors
from drc_train.training import train as module
from drc_train.training.checkpoint import load_model, read_state
from drc_train.training.record import RunRecord

pytestmark = pytest.mark.usefixtures("uncompiled")


@pytest.fixture
def tiny(tiny_overrides: list[str]) -> Recipe:
    return Recipe("edge-32", tuple(tiny_overrides))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The loop's clock: each iteration takes 25 seconds."""
    now = [1000.0]
    step = module.Learner.step

    def slow(learner: Learner) -> dict[str, float]:
        now[0] += 25
        return step(learner)

    monkeypatch.setattr(module.Learner, "step", slow)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    images = tmp_path / "images"
    images.mkdir()
    for index in range(6):
        cv2.imwrite(str(images / f"{index}.png"), random.integers(0, 256, (12, 10, 3), np.uint8))
    return images


def test_a_run_leaves_a_checkpoint_a_grid_and_events(folder: Path, tmp_path: Path, tiny: Recipe) -> None:
    report = train(str(folder), tmp_path / "run", recipe=tiny, iterations=3)
    assert (report.images, report.iterations, report.interrupted) == (6, 3, False)
    assert report.figures["foreground_share"] >= 0
    _, config, state = load_model(tmp_path / "run")
    assert config.train.batch_size == 4 and state.iteration == 3
    assert state.about.source == str(folder)
    grid = cv2.imread(str(tmp_path / "run" / "grid.png"))
    assert grid.shape[0] == 5 * (8 + 2) and grid.shape[1] > 6 * (8 + 2), "the rows have labels"
    assert list((tmp_path / "run" / "tensorboard").glob("events*"))
    report_page = (tmp_path / "run" / "report.html").read_text()
    assert "data:image/png;base64," in report_page and "<polyline" in report_page and "http" not in report_page
    for shown in ("Foreground share of the masks", "edge-32", "at iteration 1, ", machine_name().split(",")[0]):
        assert shown in report_page


def test_resuming_continues_as_if_never_stopped(folder: Path, tmp_path: Path, tiny: Recipe) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(str(folder), whole, recipe=tiny, iterations=5)
    train(str(folder), parts, recipe=tiny, iterations=2)
    report = train(str(folder), parts, iterations=5, resume=True)
    assert (report.iterations, report.preset) == (5, "edge-32")
    first, second = (load_file(run / "checkpoint-00000005.safetensors") for run in (whole, parts))
    assert first.keys() == second.keys()
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    scores = [read_state(run).about.score for run in (whole, parts)]
    assert scores[0] == scores[1]


def test_a_run_goes_on_with_images_that_were_added_behind_the_others(folder, tmp_path, tiny) -> None:
    run = tmp_path / "run"
    train(str(folder), run, recipe=tiny, iterations=2)
    before = load_file(run / "checkpoint-00000002.safetensors")
    for name in ("7.png", "8.png"):
        cv2.imwrite(str(folder / name), np.full((12, 10, 3), 40, np.uint8))
    seen: list[int] = []

    def note(iteration: int, figures: Mapping[str, float]) -> bool:
        seen.append(iteration)
        return iteration < 4

    report = train(str(folder), run, resume=True, reporting=Reporting(on_iteration=note))
    assert (report.images, report.iterations, report.interrupted) == (8, 4, False) and seen == [3, 4]
    after = load_file(run / "checkpoint-00000004.safetensors")
    assert after["chains.posterior"].shape[0] == 8 and sorted(after["chains.order"].flatten().tolist()) == list(
        range(8)
    )
    assert before["chains.posterior"].shape[0] == 6
    (folder / "8.png").unlink()
    with pytest.raises(TrainingError, match="the data changed"):
        train(str(folder), run, iterations=9, resume=True)


def test_minutes_stop_a_run_and_are_counted_over_all_calls(
    folder: Path, tmp_path: Path, tiny: Recipe, clock: list[float]
) -> None:
    recipe = replace(tiny, overrides=(*tiny.overrides, "train.initialiser_steps=0"))  # which takes a share of the time
    first = train(str(folder), tmp_path / "run", recipe=recipe, minutes=1)
    assert (first.iterations, first.seconds, first.interrupted) == (3, 75.0, False)
    second = train(str(folder), tmp_path / "run", resume=True, minutes=0.5)
    assert (second.iterations, second.seconds) == (5, 125.0)
    assert train(str(folder), tmp_path / "run", resume=True, iterations=6, minutes=9).iterations == 6


def test_checkpoints_are_written_once_a_minute_except_while_unstable(
    folder: Path, tmp_path: Path, tiny: Recipe, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    save = loop.save_checkpoint

    def noted(out: Path, learner: Learner, about: RunRecord, best: bool) -> None:
        saved.append(learner.iteration)
        save(out, learner, about, best)

    def unstable(iteration: int, figures: Mapping[str, float]) -> bool:
        learners[0].stability.consecutive = int(5 <= iteration < 9)
        return True

    learners = []
    monkeypatch.setattr(loop, "save_checkpoint", noted)
    build = loop.TrainingLoop.__init__

    def build_noted(self: loop.TrainingLoop, learner: Learner, *rest: object) -> None:
        learners.append(learner)
        build(self, learner, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(loop.TrainingLoop, "__init__", build_noted)
    train(str(folder), tmp_path / "run", recipe=tiny, iterations=11, reporting=Reporting(on_iteration=unstable))
    assert saved == [3, 9, 11], "after 75 s; not after 150 s, while unstable; at the end"


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_ends(folder: Path, tmp_path: Path, tiny: Recipe, signal_number: int) -> None:
    def interrupt(iteration: int, figures: Mapping[str, float]) -> bool:
        if iteration == 2:
            os.kill(os.getpid(), signal_number)
        return True

    handler = signal.getsignal(signal_number)
    report = train(str(folder), tmp_path / "run", recipe=tiny, reporting=Reporting(on_iteration=interrupt))
    assert report.interrupted and report.iterations == read_state(tmp_path / "run").iteration == 2
    assert signal.getsignal(signal_number) == handler


def test_a_run_is_never_overwritten(folder: Path, tmp_path: Path, tiny: Recipe) -> None:
    train(str(folder), tmp_path / "run", recipe=tiny, iterations=1)
    before = (tmp_path / "run" / "checkpoint.json").read_bytes()
    with pytest.raises(UsageError, match="--resume"):
        train(str(folder), tmp_path / "run", recipe=tiny, iterations=1)
    assert (tmp_path / "run" / "checkpoint.json").read_bytes() == before


def test_changed_images_are_noticed(folder: Path, tmp_path: Path, tiny: Recipe) -> None:
    train(str(folder), tmp_path / "run", recipe=tiny, iterations=1)
    cv2.imwrite(str(folder / "3.png"), np.zeros((12, 10, 3), np.uint8))
    with pytest.raises(TrainingError, match="not those that"):
        train(str(folder), tmp_path / "run", iterations=2, resume=True)


def test_what_cannot_start_says_why(folder: Path, tmp_path: Path, tiny: Recipe) -> None:
    run = tmp_path / "run"
    with pytest.raises(TrainingError, match="holds no checkpoint"):
        train(str(folder), run, resume=True)
    with pytest.raises(ConfigError, match="no preset"):
        train(str(folder), run, recipe=Recipe("edge"))
    with pytest.raises(SourceError):
        train(str(tmp_path / "nothing"), run)
    with pytest.raises(UsageError, match="--skip-unreadable has no effect: tm-dsprites:9 is drawn"):
        train("tm-dsprites:9", run, skip_unreadable=True)
    assert not run.exists(), "nothing is left behind by a run that never started"


def test_a_limit_that_is_reached_already_is_refused(folder: Path, tmp_path: Path, tiny: Recipe) -> None:
    train(str(folder), tmp_path / "run", recipe=tiny, iterations=2)
    with pytest.raises(UsageError, match="--iterations 2 has no effect: .* is at iteration 2"):
        train(str(folder), tmp_path / "run", resume=True, iterations=2)


def test_instability_that_persists_stops_the_run_and_keeps_the_checkpoint(
    folder: Path, tmp_path: Path, tiny: Recipe
) -> None:
    run = tmp_path / "run"
    train(str(folder), run, recipe=tiny, iterations=2)
    exploding = Recipe(
        overrides=(
            "train.posterior_step_size=1000",
            "train.posterior_steps=30",
        )
    )
    with pytest.raises(TrainingError, match=r"not finite \(\d+ chains re-initialised.*lower train.posterior_step_size"):
        train(str(folder), run, iterations=100, resume=True, recipe=exploding)
    assert read_state(run).iteration == 2
    assert train(str(folder), run, iterations=4, resume=True).iterations == 4


def test_a_diverged_chain_is_reinitialised_and_counted(
    folder: Path, tmp_path: Path, tiny: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Poisoned(module.Learner):
        def step(self) -> dict[str, float]:
            if self.iteration in (1, 2):
                self.chains.posterior[self.chains.order[0, self.chains.position % 4]] = float("nan")
            return super().step()

    monkeypatch.setattr(module, "Learner", Poisoned)
    report = train(str(folder), tmp_path / "run", recipe=tiny, iterations=4)
    assert 1 <= report.reinitialised <= 2
    tensors = load_file(tmp_path / "run" / "checkpoint-00000004.safetensors")
    assert all(tensor.isfinite().all() for tensor in tensors.values() if tensor.is_floating_point())


def test_out_of_memory_names_the_setting_to_lower(
    folder: Path, tmp_path: Path, tiny: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(learner: object) -> dict[str, float]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    assert loop.is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    assert loop.is_out_of_memory(MemoryError()) and not loop.is_out_of_memory(RuntimeError("shapes"))

    train(str(folder), tmp_path / "run", recipe=tiny, iterations=1)
    with monkeypatch.context() as patch, pytest.raises(TrainingError, match=r"--set train.batch_size=2 \(now 4\)"):
        patch.setattr(module.Learner, "step", full)
        train(str(folder), tmp_path / "run", iterations=2, resume=True)
    smaller = Recipe(overrides=("train.batch_size=2",))
    report = train(str(folder), tmp_path / "run", iterations=2, resume=True, recipe=smaller)
    assert report.iterations == 2 and load_model(tmp_path / "run")[1].train.batch_size == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # TensorBoard's own writer
def test_a_disk_that_is_full_for_a_while_loses_nothing(
    folder: Path, tmp_path: Path, tiny: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, size_limits = tmp_path / "run", resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(loop, "SAVING_FACTOR", 0.0)
    step = module.Learner.step

    def full(learner: Learner) -> dict[str, float]:
        limited = 2 <= learner.iteration < 4 or learner.iteration >= 5
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096 if limited else size_limits[0], size_limits[1]))
        return step(learner)

    monkeypatch.setattr(module.Learner, "step", full)
    said = io.StringIO()
    try:
        with pytest.raises(OutputError, match="cannot write .*checkpoint-00000006"):
            train(str(folder), run, recipe=tiny, iterations=6, reporting=Reporting(Console(file=said)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, size_limits)
    assert said.getvalue().count("not saved") == 2, "after iterations 3 and 4; after the last one it is an error"
    assert read_state(run).iteration == 5
    load_model(run)


def test_the_best_checkpoint_stays(folder: Path, tmp_path: Path, tiny: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(loop, "SAVING_FACTOR", 0.0)
    step = module.Learner.step

    def peaks(learner: Learner) -> dict[str, float]:
        figures = step(learner)
        return figures | {"log_posterior": -abs(learner.iteration - 3) * 1e9, "energy_posterior": 0.0}

    monkeypatch.setattr(module.Learner, "step", peaks)
    monkeypatch.setattr(monitors, "SMOOTHING", 0.1)
    run = tmp_path / "run"
    report = train(str(folder), run, recipe=tiny, iterations=7)
    assert report.best == load_model(run / "best.safetensors")[2].iteration == 3
    kept = sorted(path.name for path in run.glob("checkpoint-*.safetensors"))
    assert kept == [f"checkpoint-{iteration:08d}.safetensors" for iteration in (5, 6, 7)]


def test_only_what_cannot_change_what_is_learned_from_may_be_set_on_resuming(
    folder: Path, tmp_path: Path, tiny: Recipe
) -> None:
    train(str(folder), tmp_path / "run", recipe=tiny, iterations=1)
    with pytest.raises(UsageError, match="own networks"):
        train(str(folder), tmp_path / "run", resume=True, recipe=Recipe(overrides=("model.base_channels=8",)))


def test_the_name_of_a_recipe_is_printed_as_it_is(folder: Path, tmp_path: Path, tiny: Recipe) -> None:
    recipe = tmp_path / "[" / "red]\x1b[31m.yaml"
    recipe.parent.mkdir()
    recipe.write_text((Path(module.__file__).parents[1] / "presets" / "edge-32.yaml").read_text())
    terminal = io.StringIO()
    train(
        str(folder),
        tmp_path / "run",
        recipe=Recipe(str(recipe), tiny.overrides),
        iterations=1,
        reporting=Reporting(Console(file=terminal, width=500)),
    )
    assert "[/red]�[31m.yaml" in terminal.getvalue()


def test_resume_takes_the_run_s_own_preset_and_settings_and_no_others(
    folder: Path, tmp_path: Path, tiny: Recipe
) -> None:
    run = tmp_path / "run"
    train(str(folder), run, recipe=tiny, iterations=1)
    for recipe in (
        Recipe("edge-32"),
        tiny,
        Recipe(None, ("train.seed=3",)),
        Recipe("edge-32", ("model.image_size=8",)),
    ):
        report = train(str(folder), run, recipe=recipe, resume=True, minutes=0)
        assert report.preset == "edge-32"
    with pytest.raises(UsageError, match="the run's own preset, edge-32: leave out --preset edge-64"):
        train(str(folder), run, recipe=Recipe("edge-64"), resume=True)
    with pytest.raises(UsageError, match="own networks: leave out --set"):
        train(str(folder), run, recipe=Recipe("edge-32", ("model.energy_width=9",)), resume=True)


@pytest.mark.parametrize(("size", "said"), [(128, True), (64, False)])
def test_a_preset_for_a_gpu_says_so_on_a_processor(
    folder: Path, tmp_path: Path, tiny: Recipe, size: int, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "Learner", stop)
    monkeypatch.setattr(
        module,
        "join_process_group",
        lambda: SimpleNamespace(is_first=True, size=1, device=torch.device("cpu"), first_alone=contextlib.nullcontext),
    )
    preset = "birds" if size == 128 else "edge-64"
    with pytest.raises(KeyboardInterrupt):
        train(
            str(folder), tmp_path / "run", recipe=Recipe(preset), reporting=Reporting(Console(file=terminal, width=500))
        )
    assert ("take days on a processor" in terminal.getvalue()) is said
