"""The child process of ``drc run --learn``: frames to a verified bundle within a time, again from where it stopped."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_export import learn as module
from drc_export.learn import learn_bundle
from drc_runtime.errors import TrainingError
from drc_runtime.inference.extractor import Extractor
from drc_runtime.pipeline.learn_state import LearnState
from drc_train.training import loop
from drc_train.training import train as train_module
from tests.export.conftest import SMALL
from tests.videos import write_video

OVERRIDES = (*SMALL, "model.background_channels=[6, 4]", "train.batch_size=4")


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(8):
        frame = np.full((24, 32, 3), 60, np.uint8)
        frame[8:16, 3 * index : 3 * index + 8] = 230
        cv2.imwrite(str(folder / f"{index:05d}.jpg"), frame)
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No compiler, which takes longer than these runs, and the time for the export cut short."""

    class Plain(train_module.Learner):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, compiled=False, **options)

    monkeypatch.setattr(train_module, "Learner", Plain)
    monkeypatch.setattr(module, "LEAST_EXPORT_SECONDS", 0.0)
    monkeypatch.setattr(module, "EXPORT_SHARE", 0.0)


@pytest.mark.usefixtures("step_only")
def test_a_run_that_is_kept_goes_on_with_more_frames_and_becomes_a_bundle(frames: Path, tmp_path: Path) -> None:
    recipe = train_module.Recipe("static-camera", OVERRIDES)
    train_module.train(str(frames), tmp_path / "run", recipe=recipe, iterations=1)
    cv2.imwrite(str(frames / "00008.jpg"), np.full((24, 32, 3), 60, np.uint8))
    states: list[LearnState] = []
    assert learn_bundle(frames, tmp_path / "run", tmp_path / "one", 1.0, report=states.append)
    assert (states[0].phase, states[-1].phase) == ("preparing", "exporting")
    extractor = Extractor(tmp_path / "one", threads=1)
    training = extractor.manifest.training
    assert training["images"] == 9 and training["iterations"] > 1 and training["preset"] == "static-camera"
    assert extractor.manifest.metrics["gradient_error"] < 1e-3
    assert extractor.extract(cv2.imread(str(frames / "00000.jpg")), steps=2).mask.shape == (24, 32)


def test_a_collapsed_model_becomes_no_bundle(frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "FIRST_CHECK", 0)
    monkeypatch.setattr(loop, "collapse", lambda mask: "the masks are all foreground")
    with pytest.raises(TrainingError, match="all foreground .* no bundle was made"):
        learn_bundle(frames, tmp_path / "run", tmp_path / "one", 0.5, report=lambda state: None, overrides=OVERRIDES)
    assert not (tmp_path / "one").exists() and (tmp_path / "run" / "checkpoint.json").exists()


def test_time_is_left_for_the_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXPORT_SHARE", 0.5)
    now = [20.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    states: list[LearnState] = []
    go_on = module._until(0.0, 100.0, states.append)
    assert go_on(1, {"foreground_share": 0.25})  # preparing took 20 s, so export is given 10
    now[0] = 89.0
    assert go_on(2, {})
    now[0] = 90.5
    assert not go_on(3, {})
    assert states[0] == LearnState("learning", 20.0, 90.0, ": iteration 1, 25.0% foreground")


def test_an_error_is_a_line_on_stdout(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "drc_export.learn", str(tmp_path / "none"), str(tmp_path / "run"), "bundle", "60"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(module.__file__).parents[1], timeout=120)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["phase"] == "preparing" and "does not exist" in lines[-1]["error"]


@pytest.mark.slow
def test_the_whole_command_learns_from_a_clip_and_then_runs_it(tmp_path: Path) -> None:
    """With the compiled step and the preset as it stands: one minute, or a little more where preparing takes longer."""
    images = np.full((40, 48, 64, 3), 60, np.uint8)
    for index, image in enumerate(images):
        image[16:32, index : index + 14] = 230
    clip = write_video(tmp_path / "clip.avi", images)
    command = [sys.executable, "-c", "from drc_runtime.cli import main; main()", "run", str(clip), "--learn", "1m"]
    command += ["--keep", str(tmp_path / "keep"), "--masks", str(tmp_path / "masks"), "--no-display", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(module.__file__).parents[1], timeout=900)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["frames"] == 40 == len(list((tmp_path / "masks").glob("*.png")))
    assert Path(report["learned"]).parent == tmp_path / "keep"
    assert Extractor(report["learned"], threads=1).manifest.training["preset"] == "fixed-camera"
    assert f"--model {report['learned']}" in done.stderr and "recording" in done.stderr
