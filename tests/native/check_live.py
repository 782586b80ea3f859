"""drc-live as a program: the same files as ``drc run``, and every failure as one line and an exit code."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.marks import is_marked
from tests.mjpeg_server import MJPEGServer
from tests.videos import write_video

PROGRAM = os.environ["DRC_LIVE"]
MODEL = Path(os.environ["DRC_GOLDEN"]) / "random"


def live(*arguments: object) -> subprocess.CompletedProcess[str]:
    return live_by_default("--model", MODEL, *arguments)


def live_by_default(*arguments: object, **further: str) -> subprocess.CompletedProcess[str]:
    """Without ``--model``; ``further`` variables of the environment."""
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [PROGRAM, *map(str, arguments)]
    return subprocess.run(command, env=environment | further, capture_output=True, text=True, timeout=60, check=False)


def drc_run(*arguments: object) -> int:
    """Runs ``drc run`` with the same model; its exit code."""
    command = [sys.executable, "-m", "drc_runtime", "run", "--model", MODEL, "--no-display", *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, check=False).returncode


def make_video(path: Path, frames: int = 12) -> Path:
    random = np.random.default_rng(0)
    images = (cv2.resize(random.integers(0, 256, (6, 8, 3), np.uint8), (64, 48)) for _ in range(frames))
    return write_video(path, images)


def masks(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in folder.glob("*.png")}


@pytest.mark.parametrize("soft", [False, True])
def test_a_video_gives_the_masks_of_the_python_command(tmp_path: Path, soft: bool) -> None:
    video = make_video(tmp_path / "clip01.avi")
    options = ["--soft"] if soft else []
    done = live(video, "--masks", tmp_path / "native", "--out", tmp_path / "o.mp4", "--steps", 2, "--json", *options)
    assert done.returncode == 0 and done.stderr == ""
    assert drc_run(video, "--masks", tmp_path / "python", "--steps", 2, *options) == 0
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


def test_a_folder_carries_on_after_a_bad_image_and_fails(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("frame10", "frame2"):
        cv2.imwrite(str(folder / f"{name}.png"), np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8))
    whole = (folder / "frame2.png").read_bytes()
    (folder / "frame3.png").write_bytes(whole[: len(whole) // 2])
    done = live(folder, "--masks", tmp_path / "native", "--out", tmp_path / "cut", "--json")
    assert done.returncode == 1 and "frame3.png is cut short" in done.stderr
    assert json.loads(done.stdout)["frames"] == 2 and len(json.loads(done.stdout)["failures"]) == 1
    assert drc_run(folder, "--refine", "none", "--masks", tmp_path / "python") == 1
    native, python = masks(tmp_path / "native"), masks(tmp_path / "python")
    assert native.keys() == python.keys() == {"frame2.png", "frame10.png"}
    # frame2 before frame10: in another order each image would start from the other one's noise
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


def test_only_what_drc_wrote_is_replaced(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.avi", 3)
    out, masks_folder = tmp_path / "o.mp4", tmp_path / "masks"
    arguments = (video, "--out", out, "--masks", masks_folder)
    assert live(*arguments).returncode == 0
    first = next(masks_folder.iterdir())
    assert is_marked(out) and all(is_marked(mask) for mask in masks_folder.iterdir()), "drc run knows them as well"
    assert live(*arguments, "--overwrite").returncode == 0
    assert drc_run(video, "--masks", tmp_path / "python") == 0
    done = live(video, "--masks", tmp_path / "python", "--overwrite")
    assert done.returncode == 0, "and it knows those of drc run"
    cv2.imwrite(str(first), 255 - cv2.imread(str(first)))  # edited by hand
    edited = first.read_bytes()
    done = live(*arguments, "--overwrite")
    assert done.returncode == 2 and f"holds {first.name}, which was not written by drc" in done.stderr
    assert first.read_bytes() == edited
    first.unlink()
    mine = make_video(tmp_path / "mine.mp4", 3)
    out.unlink()
    for place in (mine, out):
        if place == out:
            out.symlink_to(mine)
        before = mine.read_bytes()
        done = live(video, "--out", place, "--overwrite")
        assert done.returncode == 2 and "was not written by drc" in done.stderr and mine.read_bytes() == before


def test_a_model_cannot_take_all_memory(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((20, 30, 3), np.uint8))
    done = live(tmp_path / "x.png", "--masks", tmp_path / "m", "--model", MODEL.parent / "greedy")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "the graph needs more than 4 GiB of memory" in done.stderr


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
        ((str(MODEL), "--out", "x.mp4"), 2, "images do not become a video"),
        ((str(MODEL), "--masks", str(MODEL)), 2, "where the images are read from"),
        ((), 2, "name one SOURCE"),
        (("a", "b"), 2, "name one SOURCE"),
        (("a", "--steps", "0"), 2, "--steps 0"),
        (("a", "--threads", "5000"), 2, "--threads 5000: use 1 to "),
        (("a", "--seed", "-1"), 2, "--seed -1"),
        (("a", "--fps", "0"), 2, "--fps 0 is no rate"),
        (("a", "--fps", "25x"), 2, "--fps 25x is no rate"),
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


class Running:
    """A drc-live process on a live source, whose notices can be read while it runs."""

    def __init__(self, *arguments: object) -> None:
        environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
        command = [PROGRAM, "--model", str(MODEL), "--json", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def wait_for(self, text: str) -> str:
        """The next line on stderr that holds ``text``."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if text in line:
                return line
        raise AssertionError(f"drc-live ended without saying {text!r}")

    def end(self, number: int = signal.SIGTERM) -> dict:
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=30)
        return json.loads(output)


def draw(index: int) -> np.ndarray:
    return np.full((48, 64, 3), index % 256, np.uint8)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "nothing happened for 30 s"
        time.sleep(0.02)


def test_a_stream_that_goes_away_is_opened_again(tmp_path: Path) -> None:
    found = tmp_path / "masks"
    with MJPEGServer(draw) as server:
        port, running = server.port, Running(server.address, "--masks", found, "--steps", 2)
        running.wait_for("2 steps a frame, of")
        wait_until(lambda: len(list(found.glob("0*.png"))) > 3)
    assert "trying to open it again" in running.wait_for("is lost")
    before = len(list(found.glob("0*.png")))
    with MJPEGServer(draw, port=port):
        running.wait_for("is back")
        wait_until(lambda: len(list(found.glob("0*.png"))) > before + 3)
        report = running.end()
    assert running.process.returncode == 0
    assert report["live"] and report["reconnects"] == 1 and report["state"] == "live" and report["failures"] == []
    assert report["interrupted"] and report["signal"] == signal.SIGTERM and report["age_p50"] > 0
    assert report["frames"] >= before


def test_a_stream_that_never_comes_back_can_be_ended(tmp_path: Path) -> None:
    with MJPEGServer(draw) as server:
        running = Running(server.address, "--masks", tmp_path / "masks", "--out", tmp_path / "o.avi")
        wait_until(lambda: len(list(tmp_path.glob("masks/0*.png"))) > 3)
    running.wait_for("is lost")
    report = running.end(signal.SIGINT)
    assert running.process.returncode == 0 and report["state"] in ("lost", "connecting") and report["reconnects"] == 0
    assert cv2.VideoCapture(str(tmp_path / "o.avi")).get(cv2.CAP_PROP_FRAME_COUNT) >= report["frames"]


def test_a_stream_that_stalls_is_lost(tmp_path: Path) -> None:
    with MJPEGServer(draw) as server:
        running = Running(server.address, "--masks", tmp_path / "masks")
        wait_until(lambda: len(list(tmp_path.glob("masks/0*.png"))) > 3)
        server.stalled.set()
        begun = time.monotonic()
        running.wait_for("is lost")
        assert time.monotonic() - begun < 25  # OpenCV's own limit is 30 s
        server.stalled.clear()
        running.wait_for("is back")
        assert running.end()["reconnects"] == 1


def test_damaged_frames_of_a_stream_are_survived(tmp_path: Path) -> None:
    with MJPEGServer(draw) as server:
        server.corrupt_every = 3
        running = Running(server.address, "--masks", tmp_path / "masks")
        wait_until(lambda: len(list(tmp_path.glob("masks/0*.png"))) > 12)
        assert running.end()["frames"] > 12 and running.process.returncode == 0


def test_steps_are_chosen_for_a_rate(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.avi")
    done = live(video, "--masks", tmp_path / "m", "--fps", "0.5", "--json")
    assert done.returncode == 0 and "2 steps a frame, of" in done.stderr and "0.5 frames/s" in done.stderr
    assert json.loads(done.stdout)["steps"] == 2


def test_the_steps_of_a_stream_are_chosen_for_its_real_rate(tmp_path: Path) -> None:
    """OpenCV says 25 for every Motion JPEG stream."""
    with MJPEGServer(draw, rate=5) as server:
        running = Running(server.address, "--masks", tmp_path / "masks")
        notice = running.wait_for("steps a frame, of")
        running.end()
    found = re.search(r"that fit ([\d.]+) frames/s", notice)
    assert found is not None and 3.5 < float(found[1]) < 6.5


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


def test_a_model_of_any_fixed_camera_gives_the_masks_of_the_python_command(tmp_path: Path) -> None:
    camera = MODEL.parent / "camera"
    images = [cv2.imread(str(camera / f"image-{index}.png")) for index in range(80)]
    video = write_video(tmp_path / "clip.avi", (np.asarray(it, np.uint8) for it in images))
    done = live(video, "--model", camera, "--masks", tmp_path / "native", "--steps", 2, "--soft", "--absorb", "20s")
    assert done.returncode == 0 and done.stderr == "drc-live: the light has changed\n"
    options = ("--masks", tmp_path / "python", "--steps", 2, "--soft", "--absorb", "20s")
    assert drc_run(video, "--model", camera, *options) == 0
    native, python = masks(tmp_path / "native"), masks(tmp_path / "python")
    assert native.keys() == python.keys() and len(native) == 80
    for name, mask in python.items():
        assert (np.abs(native[name].astype(int) - mask) <= 1).mean() > 0.98, name


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (("--adapt", "some"), "--adapt some: choose one of all, light, nothing"),
        (("--absorb", "soon"), "--absorb soon: write the duration as 90s, 10m or 1h"),
        (("--absorb", "0.5s"), "--absorb 0.5s is too short; give a second or more, or never"),
        (("--absorb", "9s", "--adapt", "light"), "--absorb has no effect with --adapt light: leave out one of them"),
        (
            ("--adapt", "all"),
            "--adapt is for a model of any fixed camera, and 'random' has its own background: leave it out",
        ),
        (
            ("--absorb", "never"),
            "--absorb is for a model of any fixed camera, and 'random' has its own background: leave it out",
        ),
    ],
)
def test_options_of_a_fixed_camera_are_checked(tmp_path: Path, options: tuple[str, ...], refusal: str) -> None:
    done = live(make_video(tmp_path / "clip.avi", 3), "--masks", tmp_path / "masks", *options)
    assert done.returncode == 2 and done.stderr == f"drc-live: {refusal}\n"


def test_a_model_of_any_fixed_camera_takes_no_image(tmp_path: Path) -> None:
    camera = MODEL.parent / "camera"
    done = live(camera / "image-0.png", "--model", camera, "--masks", tmp_path / "masks")
    assert done.returncode == 2 and "for images take another --model" in done.stderr


def test_without_a_model_a_video_gets_the_one_for_any_fixed_camera(tmp_path: Path) -> None:
    camera = MODEL.parent / "camera"
    images = [cv2.imread(str(camera / f"image-{index}.png")) for index in range(50)]
    video = write_video(tmp_path / "clip.avi", (np.asarray(it, np.uint8) for it in images))
    done = live_by_default(video, "--masks", tmp_path / "found", "--soft")
    assert done.returncode == 0 and done.stderr == "drc-live: model: fixed-camera, for any fixed camera\n"
    assert live(video, "--model", camera, "--masks", tmp_path / "named", "--soft").stderr == ""
    found, named = masks(tmp_path / "found"), masks(tmp_path / "named")
    assert len(found) == 50 and all(np.array_equal(found[name], mask) for name, mask in named.items())


def test_a_variable_names_the_model_that_a_run_takes(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.avi", 3)
    done = live_by_default(video, "--masks", tmp_path / "found", DRC_MODEL=str(MODEL))
    assert done.returncode == 0 and done.stderr == f"drc-live: model: {MODEL}, from DRC_MODEL\n"
    assert live(video, "--masks", tmp_path / "named").stderr == ""
    found, named = masks(tmp_path / "found"), masks(tmp_path / "named")
    assert len(found) == 3 and all(np.array_equal(found[name], mask) for name, mask in named.items())
    done = live_by_default(video, "--masks", tmp_path / "none", DRC_MODEL="no-such-bundle")
    assert done.returncode == 1 and "no bundle at no-such-bundle" in done.stderr


def test_a_picture_needs_a_model(tmp_path: Path) -> None:
    image = tmp_path / "image.png"
    cv2.imwrite(str(image), np.zeros((20, 30, 3), np.uint8))
    done = live_by_default(image, "--masks", tmp_path / "masks")
    refusal = f"there is no model for every picture: name one with --model for {image}"
    assert done.returncode == 2 and done.stderr == f"drc-live: {refusal}\n"
    assert live(image, "--model", "", "--masks", tmp_path / "masks").returncode == 2


def test_a_program_without_its_data_asks_for_a_model(tmp_path: Path) -> None:
    alone = tmp_path / "drc-live"
    alone.write_bytes(Path(PROGRAM).read_bytes())
    alone.chmod(0o755)
    video = make_video(tmp_path / "clip.avi", 3)
    done = subprocess.run(
        [alone, video, "--no-display", "--masks", tmp_path / "m"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "is not installed beside this program: name a bundle with --model" in done.stderr
