"""What goes wrong around a run: it survives, or ends with the right code, and what was written plays or is still a part."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import EngineError, OutputError
from drc_runtime.inference import mask as mask_module
from drc_runtime.pipeline.failures import MOST_FAILURES_IN_A_ROW
from drc_runtime.pipeline.report import RunReport
from drc_runtime.samples import sample_bundle
from drc_runtime.sources import backoff
from drc_runtime.sources.open import open_source
from tests.flat_run import run_with
from tests.mjpeg_server import MJPEGServer
from tests.videos import write_video

ROOT = Path(__file__).resolve().parents[3]


def moving(index: int) -> np.ndarray:
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[16:32, 2 * index % 48 : 2 * index % 48 + 16] = 255
    return frame


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 0.05)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.avi", (moving(index) for index in range(1500)))


def at(events: dict[int, Callable[[], object]]) -> Callable[[int, int | None], None]:
    """A progress callback that does something after a given number of frames."""

    def progress(done: int, total: int | None) -> None:
        events.get(done, lambda: None)()

    return progress


def stop() -> None:
    raise KeyboardInterrupt


def frames_in(video: Path) -> int:
    with open_source(str(video)) as source:
        return sum(1 for _ in source)


def live_run(address: str, toy_bundle: Path, tmp_path: Path, events: dict[int, Callable[[], object]]) -> RunReport:
    outputs = {"out": tmp_path / "out.mp4", "masks": tmp_path / "masks"}
    return run_with(address, bundle=toy_bundle, progress=at(events), **outputs)


def check_written(report: RunReport, tmp_path: Path) -> None:
    assert frames_in(tmp_path / "out.mp4") >= report.frames  # a live recording holds frames over gaps
    masks = sorted((tmp_path / "masks").iterdir())
    assert len(masks) == report.frames and all(cv2.imread(str(path)) is not None for path in masks)


def test_a_server_that_is_killed_and_restarted_is_gone_on_with(quick, toy_bundle: Path, tmp_path: Path) -> None:
    servers = [MJPEGServer(moving)]
    port = servers[0].port

    def restart() -> None:
        servers[0].close()
        time.sleep(0.3)
        servers.append(MJPEGServer(moving, port=port))

    try:
        report = live_run(servers[0].address, toy_bundle, tmp_path, {10: restart, 30: stop})
    finally:
        servers[-1].close()
    assert report.frames == 30 and report.reconnects >= 1 and report.failures == []
    check_written(report, tmp_path)


@pytest.mark.slow
def test_a_stall_of_eight_seconds_is_noticed_within_five_and_survived(toy_bundle: Path, tmp_path: Path) -> None:
    lost: list[float] = []
    begun: list[float] = []
    with MJPEGServer(moving) as server:
        timer = threading.Timer(8, server.stalled.clear)

        def stall() -> None:
            begun.append(time.monotonic())
            server.stalled.set()
            timer.start()

        def notice(line: str) -> None:
            if "is lost" in line:
                lost.append(time.monotonic() - begun[0])

        options = {"bundle": toy_bundle, "masks": tmp_path / "masks"}
        report = run_with(server.address, notice=notice, progress=at({10: stall, 30: stop}), **options)
    assert report.frames == 30 and report.reconnects >= 1 and lost and lost[0] < 5.5


def test_a_resolution_that_changes_and_damaged_frames_are_survived(quick, toy_bundle: Path, tmp_path: Path) -> None:
    def growing(index: int) -> np.ndarray:
        frame = moving(index)
        return frame if index < 30 else cv2.resize(frame, (128, 96))

    with MJPEGServer(growing) as server:
        server.corrupt_every = 10
        report = live_run(server.address, toy_bundle, tmp_path, {60: stop})
    assert report.frames == 60 and report.failures == []
    check_written(report, tmp_path)


def test_frames_that_are_not_numbers_do_not_end_a_live_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one of them is the one that the run calibrates its steps on."""
    real, seen = mask_module.to_tensor, iter(range(10**9))

    def damaged(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        tensor = real(image, size)
        return np.full_like(tensor, np.nan) if next(seen) in (0, 15) else tensor

    monkeypatch.setattr(mask_module, "to_tensor", damaged)
    with MJPEGServer(lambda index: cv2.resize(moving(index), (32, 32)), rate=25) as server:
        report = run_with(
            server.address,
            bundle=sample_bundle("sprites"),
            masks=tmp_path / "masks",
            steps=2,
            progress=at({12: stop}),
        )
    assert report.frames == 12 and len(report.failures) == 2 and "diverged" in report.failures[0]
    assert len(list((tmp_path / "masks").iterdir())) == 12


def test_a_network_that_fails_on_every_frame_ends_a_live_run(toy_bundle, tmp_path, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise EngineError("the backend has gone")

    monkeypatch.setattr("drc_runtime.inference.langevin.LangevinSampler.run", broken)
    with MJPEGServer(moving) as server, pytest.raises(EngineError, match="has gone"):
        live_run(server.address, toy_bundle, tmp_path, {})
    assert MOST_FAILURES_IN_A_ROW > 1 and not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("removed", ["masks", "out"])
def test_an_output_folder_that_is_removed_ends_the_run(clip, toy_bundle, tmp_path, removed: str) -> None:
    for name in ("masks", "out"):
        (tmp_path / name).mkdir()
    outputs = {"out": tmp_path / "out" / "a.mp4", "masks": tmp_path / "masks"}
    remove = at({100: lambda: os.rename(tmp_path / removed, tmp_path / "gone")})
    with pytest.raises(OutputError, match=str(tmp_path / removed)):
        run_with(clip, bundle=toy_bundle, progress=remove, **outputs)
    assert not (tmp_path / "out" / "a.mp4").exists()


def drc(*arguments: object, limit: int | None = None) -> subprocess.Popen:
    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are deaf to it
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-c", "from drc_runtime.cli import main; main()", "run", *map(str, arguments)]
    return subprocess.Popen(
        [*command, "--no-display", "--threads", "1"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=prepare,
    )


@pytest.mark.parametrize("output", ["out.mp4", "out.avi", "masks", "log"])
def test_a_full_disk_is_one_line_and_exit_1(clip: Path, toy_bundle: Path, tmp_path: Path, output: str) -> None:
    option = {"masks": "--masks", "log": "--log"}.get(output, "--out")
    also = ["--masks", tmp_path / "other"] if output == "log" else []
    limit = 60 if output == "masks" else 20_000
    with drc(clip, "--model", toy_bundle, option, tmp_path / output, *also, limit=limit) as process:
        error = process.communicate(timeout=60)[1]
    assert process.returncode == 1 and error.count("\n") == 1 and "File too large" in error or "disk" in error
    assert not (tmp_path / "out.mp4").exists() and not (tmp_path / "out.avi").exists()
    assert not list((tmp_path / "masks").glob("*")) if output == "masks" else True


def wait_for_masks(folder: Path, count: int) -> None:
    end = time.monotonic() + 60
    while not folder.is_dir() or len(os.listdir(folder)) < count:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_finish_what_is_open_and_the_code_tells(clip, toy_bundle, tmp_path, number, code) -> None:
    arguments = ["--model", toy_bundle, "--out", tmp_path / "out.mp4", "--masks", tmp_path / "masks"]
    with drc(clip, *arguments) as process:
        wait_for_masks(tmp_path / "masks", 5)
        process.send_signal(number)
        error = process.communicate(timeout=30)[1]
    assert process.returncode == code
    # a slow machine has shown its progress by then
    assert [line for line in error.splitlines() if not line.startswith("drc: frames: ")] == []
    masks = [path for path in (tmp_path / "masks").iterdir()]
    assert frames_in(tmp_path / "out.mp4") == len(masks) >= 5 and all(
        cv2.imread(str(path)) is not None for path in masks
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_how_a_live_run_ends(toy_bundle: Path, tmp_path: Path, number: signal.Signals) -> None:
    with MJPEGServer(moving) as server:
        arguments = ["--model", toy_bundle, "--out", tmp_path / "out.mp4", "--masks", tmp_path / "masks"]
        with drc(server.address, *arguments) as process:
            wait_for_masks(tmp_path / "masks", 5)
            process.send_signal(number)
            process.communicate(timeout=30)
    assert process.returncode == 0
    assert frames_in(tmp_path / "out.mp4") >= 5


def decoders_of(what: str) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and what.encode() in (entry / "cmdline").read_bytes():
                yield int(entry.name)
        except OSError:
            continue


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_what_plays_or_is_a_part(clip: Path, toy_bundle: Path, tmp_path: Path) -> None:
    """SIGKILL at random frames, twenty times, every second time of a live source."""
    random.seed(0)
    with MJPEGServer(moving) as server:
        for attempt in range(20):
            folder = tmp_path / str(attempt)
            folder.mkdir()
            live = attempt % 2 == 1
            arguments = ["--model", toy_bundle, "--out", folder / "out.mp4", "--masks", folder / "masks"]
            with drc(server.address if live else clip, *arguments) as process:
                wait_for_masks(folder / "masks", random.randrange(1, 200))
                process.kill()
            assert not (folder / "out.mp4").exists(), "only what is complete has its name"
            masks = [path for path in (folder / "masks").iterdir() if not path.name.startswith(".")]
            assert masks and all(cv2.imread(str(path)).shape == (48, 64, 3) for path in masks)
            if live and (folder / "out.mp4.part").exists() and len(masks) > 120:
                shutil.copy(folder / "out.mp4.part", folder / "part.mp4")
                assert frames_in(folder / "part.mp4") > 0, "what a live run has written plays"
            end = time.monotonic() + 10
            while list(decoders_of(server.address if live else str(clip))):
                assert time.monotonic() < end, "the decoder ends with its parent"
                time.sleep(0.1)
