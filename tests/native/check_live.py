"""drc-live from the outside: the same files as ``drc run``, and every failure as one line and an exit code."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.run import run

PROGRAM = os.environ["DRC_LIVE"]
MODEL = Path(os.environ["DRC_GOLDEN"]) / "random"


def live(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [PROGRAM, "--model", str(MODEL), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def make_video(path: Path, frames: int = 12) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    random = np.random.default_rng(0)
    for _ in range(frames):
        writer.write(cv2.resize(random.integers(0, 256, (6, 8, 3), np.uint8), (64, 48)))
    writer.release()
    return path


def masks(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in folder.iterdir()}


@pytest.mark.parametrize("soft", [False, True])
def test_a_video_gives_the_masks_of_the_python_command(tmp_path: Path, soft: bool) -> None:
    video = make_video(tmp_path / "clip01.avi")
    options = ["--soft"] if soft else []
    done = live(video, "--masks", tmp_path / "native", "--out", tmp_path / "o.mp4", "--steps", 2, "--json", *options)
    assert done.returncode == 0 and done.stderr == ""
    run(str(video), model=MODEL, masks=tmp_path / "python", steps=2, soft=soft, display=False)
    native, python = masks(tmp_path / "native"), masks(tmp_path / "python")
    assert native.keys() == python.keys() and len(native) == 12
    for name, mask in python.items():
        # two builds of a JPEG decoder may differ in a pixel's last bit
        assert (np.abs(native[name].astype(int) - mask) <= 1).mean() > 0.98, name
    report = json.loads(done.stdout)
    assert report["frames"] == 12 and report["steps"] == 2 and report["failures"] == []
    assert report["outputs"] == [str(tmp_path / "o.mp4"), str(tmp_path / "native")]
    written = cv2.VideoCapture(str(tmp_path / "o.mp4"))
    assert (written.get(cv2.CAP_PROP_FRAME_COUNT), written.get(cv2.CAP_PROP_FRAME_WIDTH)) == (12, 64)


def test_a_folder_carries_on_after_a_bad_picture_and_fails(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("frame10", "frame2"):
        cv2.imwrite(str(folder / f"{name}.png"), np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8))
    whole = (folder / "frame2.png").read_bytes()
    (folder / "frame3.png").write_bytes(whole[: len(whole) // 2])
    done = live(folder, "--masks", tmp_path / "native", "--out", tmp_path / "cut", "--json")
    assert done.returncode == 1 and "frame3.png is cut short" in done.stderr
    assert json.loads(done.stdout)["frames"] == 2 and len(json.loads(done.stdout)["failures"]) == 1
    report = run(str(folder), model=MODEL, masks=tmp_path / "python", display=False)
    assert len(report.failures) == 1
    native, python = masks(tmp_path / "native"), masks(tmp_path / "python")
    assert native.keys() == python.keys() == {"frame2.png", "frame10.png"}
    # frame2 before frame10: otherwise each would have started from the other one's noise
    assert all(np.array_equal(native[name], mask) for name, mask in python.items())
    assert masks(tmp_path / "cut")["frame2.png"].shape == (20, 30, 4)


def test_outputs_are_never_lost(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.avi", 3)
    before = video.read_bytes()
    assert live(video, "--out", video, "--overwrite").returncode == 2 and video.read_bytes() == before
    kept = tmp_path / "masks" / "mine.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    assert live(video, "--masks", kept.parent).returncode == 2 and list(kept.parent.iterdir()) == [kept]
    assert live(video, "--masks", kept.parent, "--overwrite").returncode == 0 and kept.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("no-such-file.mp4", "--masks", "m"), 1, "is not there"),
        (("webcam:77", "--masks", "m"), 1, "no camera 77 can be opened; connect one"),
        (("webcam:x", "--masks", "m"), 2, "is not a camera"),
        (("ftp://x/y", "--masks", "m"), 2, "is not supported"),
        (("http://127.0.0.1:9/x", "--masks", "m"), 1, "no video comes from"),
        ((str(MODEL / "manifest.json"), "--masks", "m"), 1, "is not a video that can be read"),
        ((str(MODEL),), 2, "nothing to write and no display"),
        ((str(MODEL), "--out", "x.mp4"), 2, "pictures do not become a video"),
        ((str(MODEL), "--masks", str(MODEL)), 2, "where the pictures are read from"),
        ((), 2, "name one SOURCE"),
        (("a", "b"), 2, "name one SOURCE"),
        (("a", "--steps", "0"), 2, "--steps 0"),
        (("a", "--seed", "-1"), 2, "--seed -1"),
        (("a", "--bogus"), 2, "--bogus is not an option"),
        (("a", "--masks"), 2, "--masks needs a value"),
        (("a", "--mask", "best", "--masks", "m"), 2, "responsibility or mixture"),
        (("a", "--provider", "Abacus", "--masks", "m"), 2, "CPU, CUDA, TensorRT, XNNPACK"),
        (("a", "--model", "no-such-bundle", "--masks", "m"), 1, "no bundle at no-such-bundle"),
    ],
)
def test_failures(arguments: tuple[str, ...], code: int, message: str) -> None:
    done = live(*arguments)
    assert done.returncode == code and message in done.stderr and done.stdout == ""
    assert done.stderr.startswith("drc-live: ") and done.stderr.count("\n") == 1


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.avi", 60)
    command = [
        PROGRAM,
        "--model",
        MODEL,
        video,
        "--masks",
        tmp_path / "m",
        "--out",
        tmp_path / "o.avi",
        "--steps",
        "2000",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while not list((tmp_path).glob("m/0*.png")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    assert 1 <= len(masks(tmp_path / "m")) < 60
    assert cv2.VideoCapture(str(tmp_path / "o.avi")).get(cv2.CAP_PROP_FRAME_COUNT) == len(masks(tmp_path / "m"))
    assert not list(tmp_path.glob(".*"))
