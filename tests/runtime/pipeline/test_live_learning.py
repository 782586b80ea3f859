"""``--learn`` on a live source: masks from the first frame, and what was learned is taken over between two frames."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.inference import explanation
from drc_runtime.inference.explanation import Explanation
from drc_runtime.pipeline import learn, learn_child, recording
from drc_runtime.pipeline.learned import BACKGROUND, default_folder, newest_model
from drc_runtime.pipeline.options import LearnOptions
from drc_runtime.samples import sample_bundle
from tests.flat_run import run_with
from tests.mjpeg_server import MJPEGServer

EMPTY = np.full((48, 64, 3), 90, np.uint8)

CHILD = """
import json, shutil, signal, sys, time
from pathlib import Path
frames, run, bundle, seconds = sys.argv[1:]
def say(phase):
    print(json.dumps({"phase": phase, "done": 0, "total": 0}), flush=True)
def save(*_):
    Path(run).mkdir(exist_ok=True)
    (Path(run) / "saved").touch()
    sys.exit(130)
signal.signal(signal.SIGINT, save)
say("preparing")
shutil.copy(EMPTY, Path(run).parent / "background.png")
say("learning")
"""
FINISHES = CHILD + "time.sleep(0.5)\nshutil.copytree(MODEL, bundle)\n"
NEVER_ENDS = CHILD + "while True:\n    say('learning')\n    time.sleep(0.05)\n"


def passing(index: int) -> np.ndarray:
    frame = EMPTY.copy()
    column, row = index * 7 % 53, index * 3 % 37
    frame[row : row + 8, column : column + 8] = (250, 30, 30)
    return frame


class Session:
    """Runs a stream with ``--learn`` until ``end`` says so."""

    def __init__(self, keep: Path) -> None:
        self.keep, self.lines, self.states, self.frames = keep, [], [], 0
        self.deadline = time.monotonic() + 60

    def run(self, server: MJPEGServer, end, **options):
        def progress(done: int, total: int | None) -> None:
            self.frames = done
            if end(self) or time.monotonic() > self.deadline:
                raise KeyboardInterrupt

        return run_with(
            server.address,
            learn=LearnOptions(100, self.keep),
            notice=self.lines.append,
            learning=self.states.append,
            progress=progress,
            **options,
        )

    def said(self, text: str) -> bool:
        return any(text in line for line in self.lines)


DRAW = [passing]
"""What the camera shows."""


@pytest.fixture
def server() -> Iterator[MJPEGServer]:
    DRAW[0] = passing
    with MJPEGServer(lambda index: DRAW[0](index)) as found:
        yield found


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    cv2.imwrite(str(tmp_path / "empty.png"), EMPTY)
    for name, value in {"WANTED": 18, "MORE": 0, "LIVE_GAP": 0.0}.items():
        monkeypatch.setattr(recording, name, value)

    def use(program: str) -> None:
        model, empty = repr(str(sample_bundle("fixed-camera"))), repr(str(tmp_path / "empty.png"))
        (tmp_path / "child.py").write_text(program.replace("MODEL", model).replace("EMPTY", empty))
        monkeypatch.setattr(learn_child, "PROGRAM", (sys.executable, str(tmp_path / "child.py")))

    return use


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path / "keep")


def explains(monkeypatch: pytest.MonkeyPatch, learned: float, running: float) -> None:
    """Puts these log-posteriors a pixel in the place of both models' own."""
    values = iter([learned, running])
    real = explanation.explain
    monkeypatch.setattr(explanation, "explain", lambda *arguments: Explanation(next(values), real(*arguments).z))


def test_masks_come_while_a_model_is_learned_and_a_better_one_takes_over(
    child, server: MJPEGServer, session: Session, tmp_path: Path, monkeypatch
) -> None:
    child(FINISHES)
    explains(monkeypatch, 5.5, 5.0)
    report = session.run(server, lambda it: it.said("takes over") and it.frames > 40, masks=tmp_path / "masks")
    assert report.learned is not None and report.learned == newest_model(session.keep)
    assert report.reconnects == 0 and report.frames == len(list((tmp_path / "masks").iterdir()))
    assert session.said("5.500, fixed-camera 5.000") and session.said("model: fixed-camera")
    assert [state.phase for state in session.states][-1] == "done"
    mask = cv2.imread(str(sorted((tmp_path / "masks").iterdir())[-1]), 0)
    assert 0.005 < (mask > 0).mean() < 0.1


def test_a_model_that_explains_no_better_is_kept_and_not_taken_over(
    child, server: MJPEGServer, session: Session, monkeypatch
) -> None:
    child(FINISHES)
    explains(monkeypatch, 5.0, 5.0)
    report = session.run(server, lambda it: it.said("no better"), masks=session.keep.parent / "masks")
    assert report.learned is None and session.said("fixed-camera goes on")


def test_the_end_of_the_run_lets_the_child_save(child, server: MJPEGServer, session: Session, tmp_path: Path) -> None:
    child(NEVER_ENDS)
    session.run(server, lambda it: any(s.phase == "learning" for s in it.states), masks=tmp_path / "masks")
    assert (session.keep / learn.RUN / "saved").exists() and session.said("learning stopped")
    assert (session.keep / BACKGROUND).exists() and newest_model(session.keep) is None


def test_what_failed_is_said_and_masks_go_on(child, server: MJPEGServer, session: Session, tmp_path: Path) -> None:
    child('print(\'{"error": "the masks have collapsed"}\')\nraise SystemExit(1)')
    seen: list[int] = []

    def end(it: Session) -> bool:
        if it.said("not learned"):
            seen.append(it.frames)
        return len(seen) > 10

    session.run(server, end, masks=tmp_path / "masks")
    assert session.said("not learned: the masks have collapsed") and len(seen) > 10


def test_the_next_start_takes_the_newest_model_and_the_background(
    child, server: MJPEGServer, tmp_path: Path, monkeypatch
) -> None:
    """Something that stands there from the first frame is foreground, because the background is known."""
    monkeypatch.chdir(tmp_path)
    keep = default_folder(server.address)
    child(FINISHES)
    explains(monkeypatch, 5.5, 5.0)
    first = Session(keep)
    first.run(server, lambda it: it.said("takes over"), masks=tmp_path / "masks")

    def standing(index: int) -> np.ndarray:
        frame = EMPTY.copy()
        frame[12:36, 20:36] = (250, 30, 30)
        return frame

    def stop(done: int, total: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    lines: list[str] = []
    DRAW[0] = standing
    report = run_with(server.address, masks=tmp_path / "again", notice=lines.append, progress=stop)
    assert report.frames == 3 and any(f"model: {newest_model(keep)}" in line for line in lines)
    mask = cv2.imread(str(sorted((tmp_path / "again").iterdir())[-1]), 0)
    assert mask[16:32, 24:32].mean() > 200 and (mask > 0).mean() < 0.35


def test_a_damaged_background_is_left_out_and_said(server: MJPEGServer, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = default_folder(server.address)
    folder.mkdir(parents=True)
    (folder / BACKGROUND).write_bytes(b"no picture")

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    lines: list[str] = []
    assert run_with(server.address, masks=tmp_path / "masks", notice=lines.append, progress=stop).frames == 1
    assert any("learned earlier is left out" in line for line in lines)
