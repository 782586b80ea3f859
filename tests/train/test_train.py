"""The public ``train`` function and its command: stops, resumes, refuses, and loses nothing."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import ConfigError, SourceError, TrainingError, UsageError
from drc_train import train as module
from drc_train.checkpoint import load_model, read_state
from drc_train.train import train


@pytest.fixture(autouse=True)
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler takes longer than these runs."""

    class Plain(module.Learner):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, compiled=False)

    monkeypatch.setattr(module, "Learner", Plain)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    images = tmp_path / "pictures"
    images.mkdir()
    for index in range(6):
        cv2.imwrite(str(images / f"{index}.png"), random.integers(0, 256, (12, 10, 3), np.uint8))
    return images


def test_a_run_leaves_a_checkpoint_a_grid_and_events(folder: Path, tmp_path: Path, tiny_overrides: list[str]) -> None:
    report = train(str(folder), tmp_path / "run", preset="edge-32", iterations=3, overrides=tiny_overrides)
    assert (report.pictures, report.iterations, report.interrupted) == (6, 3, False)
    assert report.figures["foreground_share"] >= 0
    _, config, state = load_model(tmp_path / "run")
    assert config.train.batch_size == 4 and state["iteration"] == 3
    assert state["about"]["source"] == str(folder)
    grid = cv2.imread(str(tmp_path / "run" / "grid.png"))
    assert grid.shape == (5 * (8 + 2), 6 * (8 + 2), 3)
    assert list((tmp_path / "run" / "tensorboard").glob("events*"))


def test_resuming_continues_as_if_never_stopped(folder: Path, tmp_path: Path, tiny_overrides: list[str]) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(str(folder), whole, preset="edge-32", iterations=5, overrides=tiny_overrides)
    train(str(folder), parts, preset="edge-32", iterations=2, overrides=tiny_overrides)
    report = train(str(folder), parts, iterations=5, resume=True)
    assert (report.iterations, report.preset) == (5, "edge-32")
    first, second = (next(run.glob("*.safetensors")).read_bytes() for run in (whole, parts))
    assert first == second


def test_minutes_stop_a_run(folder: Path, tmp_path: Path, tiny_overrides: list[str]) -> None:
    started = time.monotonic()
    report = train(str(folder), tmp_path / "run", preset="edge-32", minutes=0.02, overrides=tiny_overrides)
    assert report.iterations >= 1 and time.monotonic() - started < 60


def test_ctrl_c_saves_and_ends(folder: Path, tmp_path: Path, tiny_overrides: list[str]) -> None:
    def interrupt() -> None:
        while not list((tmp_path / "run" / "tensorboard").glob("events*")):
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    report = train(str(folder), tmp_path / "run", preset="edge-32", overrides=tiny_overrides)
    thread.join()
    assert report.interrupted
    assert read_state(tmp_path / "run")["iteration"] == report.iterations > 0


def test_a_run_is_never_overwritten(folder: Path, tmp_path: Path, tiny_overrides: list[str]) -> None:
    train(str(folder), tmp_path / "run", preset="edge-32", iterations=1, overrides=tiny_overrides)
    before = (tmp_path / "run" / "checkpoint.json").read_bytes()
    with pytest.raises(UsageError, match="--resume"):
        train(str(folder), tmp_path / "run", preset="edge-32", iterations=1, overrides=tiny_overrides)
    assert (tmp_path / "run" / "checkpoint.json").read_bytes() == before


def test_changed_pictures_are_noticed(folder: Path, tmp_path: Path, tiny_overrides: list[str]) -> None:
    train(str(folder), tmp_path / "run", preset="edge-32", iterations=1, overrides=tiny_overrides)
    cv2.imwrite(str(folder / "3.png"), np.zeros((12, 10, 3), np.uint8))
    with pytest.raises(TrainingError, match="not those that"):
        train(str(folder), tmp_path / "run", iterations=2, resume=True)


def test_what_cannot_start_says_why(folder: Path, tmp_path: Path, tiny_overrides: list[str]) -> None:
    run = tmp_path / "run"
    with pytest.raises(TrainingError, match="holds no checkpoint"):
        train(str(folder), run, resume=True)
    with pytest.raises(UsageError, match="leave --preset"):
        train(str(folder), run, resume=True, preset="edge-32")
    with pytest.raises(ConfigError, match="no preset"):
        train(str(folder), run, preset="edge")
    with pytest.raises(SourceError):
        train(str(tmp_path / "nothing"), run)
    assert not run.exists(), "nothing is left behind by a run that never started"


def test_figures_that_are_not_finite_stop_the_run_and_keep_the_checkpoint(
    folder: Path, tmp_path: Path, tiny_overrides: list[str]
) -> None:
    run = tmp_path / "run"
    train(str(folder), run, preset="edge-32", iterations=2, overrides=tiny_overrides)
    state = json.loads((run / "checkpoint.json").read_text())
    state["config"]["train"]["posterior_step_size"] = 1e20
    (run / "checkpoint.json").write_text(json.dumps(state))
    with pytest.raises(TrainingError, match="not finite"):
        train(str(folder), run, iterations=6, resume=True)
    assert read_state(run)["iteration"] == 2
