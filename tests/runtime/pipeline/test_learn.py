"""``--learn`` on this side of the child process: recording, progress, what an interruption and a failure leave."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.errors import MissingDependencyError, TrainingError, UsageError
from drc_runtime.frames import Frame, Source
from drc_runtime.packages import install_command
from drc_runtime.pipeline import learn as learning
from drc_runtime.pipeline import learn_child, recording
from drc_runtime.pipeline.learn import check_learning, lock_folder
from drc_runtime.pipeline.learn_state import LearnState
from drc_runtime.pipeline.learned import default_folder
from drc_runtime.pipeline.options import LearnOptions
from tests.flat_run import run_with
from tests.videos import write_video

CHILD = """
import json, shutil, signal, sys, time
from pathlib import Path
frames, run, bundle, seconds = sys.argv[1:]
Path(run).mkdir(exist_ok=True)
print("a library's own words", flush=True)
print(json.dumps({"phase": "preparing", "done": 0, "total": 0}), flush=True)
(Path(run) / "asked").write_text(f"{len(list(Path(frames).iterdir()))} {seconds}")
"""
FINISHES = CHILD + 'shutil.copytree(TOY, bundle)\nprint(json.dumps({"phase": "exporting", "done": 1, "total": 2}))\n'
LEARNS_WITHOUT_END = (
    CHILD
    + """
def save(*_):
    (Path(run) / "saved").touch()
    sys.exit(130)
signal.signal(signal.SIGINT, save)
while True:  # like the real one it ends when nobody reads any more
    print(json.dumps({"phase": "learning", "done": 0, "total": 60}), flush=True)
    time.sleep(0.05)
"""
)


def moving(index: int) -> np.ndarray:
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[16:32, 2 * index % 64 : 2 * index % 64 + 12] = 255
    return frame


def anywhere(index: int) -> np.ndarray:
    frame = np.zeros((48, 64, 3), np.uint8)
    column, row = index * 7 % 53, index * 3 % 37
    frame[row : row + 8, column : column + 8] = 255
    return frame


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.avi", (moving(index) for index in range(30)))


@pytest.fixture
def child(tmp_path: Path, toy_bundle: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a program in the place of the learning process."""

    def use(program: str) -> Path:
        path = tmp_path / "child.py"
        path.write_text(program.replace("TOY", repr(str(toy_bundle))))
        monkeypatch.setattr(learn_child, "PROGRAM", (sys.executable, str(path)))
        return path

    return use


def test_a_clip_is_recorded_learned_and_run_from_its_beginning(child, clip: Path, tmp_path: Path) -> None:
    child(FINISHES)
    states: list[LearnState] = []
    lines: list[str] = []
    report = run_with(
        clip,
        learn=LearnOptions(100, tmp_path / "keep"),
        masks=tmp_path / "masks",
        learning=states.append,
        notice=lines.append,
    )
    assert report.frames == 30 == len(list((tmp_path / "masks").iterdir()))
    assert report.learned is not None and report.learned.parent == tmp_path / "keep"
    assert (report.learned / "manifest.json").is_file()
    assert [state.phase for state in states if state.phase != "recording"] == ["preparing", "exporting"]
    recorded, seconds = (tmp_path / "keep" / learning.RUN / "asked").read_text().split()
    assert 16 <= int(recorded) == states[-3].done <= 30 and 80 <= float(seconds) <= 100
    assert any(str(report.learned) in line for line in lines), "what is kept is named"


def test_a_second_time_starts_from_what_is_kept_and_leaves_the_old_bundle_alone(child, clip, tmp_path: Path) -> None:
    child(FINISHES)
    options = {"learn": LearnOptions(100, tmp_path / "keep"), "masks": tmp_path / "masks", "overwrite": True}
    first = run_with(clip, **options).learned
    before = (first / "manifest.json").read_bytes(), len(list((tmp_path / "keep" / "frames").iterdir()))
    time.sleep(max(0.0, int(time.time()) + 1.01 - time.time()))  # bundles are named by the second
    second = run_with(clip, **options).learned
    assert second != first and second.parent == first.parent
    after = (first / "manifest.json").read_bytes(), len(list((tmp_path / "keep" / "frames").iterdir()))
    assert after == before, "the same frames are not recorded twice"


INTERRUPTED = """
import sys
from pathlib import Path
from drc_runtime.pipeline import learn_child
from drc_runtime.cli import main
learn_child.PROGRAM = (sys.executable, sys.argv[1])
sys.argv = ["drc", "run", *sys.argv[2:]]
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interruption_lets_the_child_save_and_keeps_the_frames(child, clip, tmp_path, number) -> None:
    program = child(LEARNS_WITHOUT_END)
    keep = tmp_path / "keep"
    command = [sys.executable, "-c", INTERRUPTED, str(program), str(clip), "--learn", "10m", "--keep", str(keep)]
    with subprocess.Popen(
        [*command, "--masks", str(tmp_path / "masks")],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(learning.__file__).parents[2],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        seen = ""
        while "learning" not in seen.rpartition("drc: ")[2].partition(" for ")[0]:
            line = process.stderr.readline()
            assert line, seen
            seen += line
        while not (keep / learning.RUN / "asked").exists():
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(number)
        rest = process.stderr.read() if number == signal.SIGINT else ""
        process.wait(timeout=30)
    assert len(list((keep / "frames").iterdir())) >= 16 and not list(keep.glob("bundle-*"))
    if number == signal.SIGINT:
        assert process.returncode == 130 and (keep / learning.RUN / "saved").exists()
        assert f"kept in {keep}" in rest and "Traceback" not in rest


def test_what_the_child_says_went_wrong_is_the_error(child, clip: Path, tmp_path: Path) -> None:
    child('print(\'{"error": "the masks have collapsed"}\')\nraise SystemExit(1)')
    options = {"learn": LearnOptions(100, tmp_path / "keep"), "masks": tmp_path / "masks"}
    with pytest.raises(TrainingError, match="the masks have collapsed"):
        run_with(clip, **options)
    child("raise RuntimeError('unheard of')")
    with pytest.raises(TrainingError, match="RuntimeError: unheard of"):
        run_with(clip, **options)
    child("import os; os.abort()")
    with pytest.raises(TrainingError, match="SIGABRT"):
        run_with(clip, **options)
    assert not (tmp_path / "masks").exists()
    assert len(list((tmp_path / "keep" / "frames").iterdir())) >= 16


def test_a_scene_in_which_nothing_moves_is_told(child, tmp_path: Path, make_video) -> None:
    child(FINISHES)
    still = write_video(tmp_path / "still.avi", [moving(0)] * 40)
    with pytest.raises(TrainingError, match="only 1 frames differed"):
        run_with(still, learn=LearnOptions(100, tmp_path / "keep"), masks=tmp_path / "masks")


def test_outputs_are_checked_before_anything_is_learned(child, clip: Path, tmp_path: Path, save, image) -> None:
    child("raise SystemExit('must not start')")
    (tmp_path / "out.mp4").touch()
    learn = LearnOptions(100, tmp_path / "keep")
    with pytest.raises(UsageError, match="--overwrite"):
        run_with(clip, learn=learn, out=tmp_path / "out.mp4")
    with pytest.raises(UsageError, match="use drc train"):
        run_with(save(tmp_path / "a.png", image), learn=learn, masks=tmp_path / "masks")
    assert not (tmp_path / "keep").exists()


def test_two_runs_do_not_learn_into_one_folder(child, clip: Path, tmp_path: Path) -> None:
    child(FINISHES)
    with lock_folder(tmp_path / "keep"), pytest.raises(UsageError, match="another run is learning"):
        run_with(clip, learn=LearnOptions(100, tmp_path / "keep"), masks=tmp_path / "masks")


class Clip(Source):
    """A video of 400 frames, in all of which the square is somewhere else."""

    rate, live, count, failures, dropped = Fraction(25), False, 400, [], 0
    paths: frozenset[Path] = frozenset()

    def __iter__(self) -> Iterator[Frame]:
        return (Frame(anywhere(index), index, index / 25, "") for index in range(400))

    def close(self) -> None:
        pass


def test_missing_packages_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(
        MissingDependencyError, match=rf"onnxscript is missing\): {re.escape(install_command('export'))}$"
    ):
        check_learning(Clip(), "clip.avi")


def test_a_recording_is_spread_over_a_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(recording, "WANTED", 20)
    offered = []

    class Offered(recording.Recording):
        def offer(self, image: np.ndarray) -> bool:
            offered.append(image)
            return super().offer(image)

    kept = Offered(tmp_path / "frames")
    frames = iter(Clip())
    recording.record(Clip(), frames, kept, time.monotonic() + 60, lambda state: None)
    every_twentieth = list(Clip())[::20]
    assert next(frames, None) is None and len(kept) <= len(offered) == len(every_twentieth) == 20
    assert all((one == other.image).all() for one, other in zip(offered, every_twentieth, strict=True))


def test_a_recording_ends_when_its_time_is_over(tmp_path: Path) -> None:
    frames = iter(Clip())
    with pytest.raises(TrainingError, match="only 1 frames differed"):
        recording.record(Clip(), frames, recording.Recording(tmp_path), time.monotonic() - 1, lambda state: None)
    assert next(frames).index == 1


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("webcam", "webcam"),
        ("webcam:1", "webcam-1"),
        ("/dev/video2", "dev-video2"),
        ("rtsp://me:secret@10.0.0.7:554/h264", "10-0-0-7-554-h264"),
        ("clips/Belt 3.mp4", "Belt-3"),
        ("sample", "sample"),
        ("...", "source"),
    ],
)
def test_what_is_learned_is_kept_under_the_sources_name(spec: str, name: str) -> None:
    assert default_folder(spec) == Path("drc-learned") / name


def test_progress_reads_well() -> None:
    assert str(LearnState("recording", 120, 500)) == "recording: 120 frames that differ, 380 more wanted"
    assert str(LearnState("learning", 10, 75.2, ": iteration 3")) == "learning, 1:05 min left: iteration 3"
    assert str(LearnState("preparing", 0, 0)) == "preparing"
