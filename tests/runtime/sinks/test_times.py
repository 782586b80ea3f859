"""From file to file: the times of frames and audio, the rate, the rotation; and the file that a killed run leaves."""

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from drc_runtime.pipeline import run as run_module
from drc_runtime.sinks import audio as audio_module
from drc_runtime.sources.open import open_source
from tests.flat_run import run_with
from tests.mjpeg_server import MJPEGServer

ROOT = Path(run_module.__file__).parents[2]
SIZE = (48, 64)
NTSC = Fraction(30000, 1001)
CONSTANT = [index / NTSC for index in range(30)]
VARIABLE = [Fraction(it, 1000) for it in (0, 40, 50, 300, 310, 1000, 1033, 1066, 1500)]
CLICK = Fraction(3, 5)  # when the clips' tone begins, after the first image


def write_clip(path: Path, times: Sequence[Fraction], *, begin: Fraction = Fraction(0), codec: str = "") -> Path:
    """Frames from ``begin`` on; with a codec, also audio: silence from 0 on, then a tone from ``begin + CLICK`` on."""
    ticks = Fraction(1, 90_000)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264" if path.suffix != ".webm" else "libvpx-vp9", rate=NTSC)
        video.width, video.height, video.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        video.codec_context.time_base = video.time_base = ticks
        video.options = {"bf": "0"}
        audio = container.add_stream(codec, rate=48000) if codec else None
        if audio is not None:
            audio.codec_context.layout = "mono"
        for index, seconds in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((*SIZE, 3), 8 * index % 256, np.uint8), format="rgb24")
            frame.pts, frame.time_base = round((seconds + begin) / ticks), ticks
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            at = np.arange(2 * 48000)
            samples = (np.sin(at * 0.1) * (at >= (begin + CLICK) * 48000)).astype(np.float32)[None]
            for start in range(0, samples.shape[1], 960):
                heard = av.AudioFrame.from_ndarray(samples[:, start : start + 960], format="fltp", layout="mono")
                heard.sample_rate, heard.pts, heard.time_base = 48000, start, Fraction(1, 48000)
                container.mux(audio.encode(heard))
            container.mux(audio.encode(None))
    return path


def times_of(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def duration_of(path: Path) -> float:
    with av.open(str(path)) as container:
        return container.duration / 1_000_000


@pytest.fixture
def convert(toy_bundle: Path) -> Callable[..., Path]:
    def start(source: Path, out: Path, **options: object) -> Path:
        run_with(source, bundle=toy_bundle, out=out, **options)
        return out

    return start


@pytest.mark.parametrize("times", [CONSTANT, VARIABLE], ids=["constant", "variable"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_times_come_out_exactly_as_they_went_in(convert, tmp_path: Path, times: list[Fraction], suffix: str) -> None:
    clip = write_clip(tmp_path / "clip.mp4", times)
    out = convert(clip, tmp_path / f"out{suffix}")
    assert times_of(out) == times == times_of(clip)
    with open_source(str(clip)) as source:
        assert abs(duration_of(out) - duration_of(clip)) < 1 / source.rate
    assert duration_of(out) > times[-1]


def test_webm_rounds_times_to_its_milliseconds(convert, tmp_path: Path) -> None:
    out = convert(write_clip(tmp_path / "clip.mp4", VARIABLE), tmp_path / "out.webm")
    assert times_of(out) == VARIABLE


def test_a_constant_rate_is_kept_as_a_fraction(convert, tmp_path: Path) -> None:
    out = convert(write_clip(tmp_path / "clip.mp4", CONSTANT), tmp_path / "out.mp4")
    with av.open(str(out)) as container:
        assert container.streams.video[0].average_rate == NTSC
    with open_source(str(out)) as source:
        assert source.rate == NTSC


@pytest.mark.parametrize("begin", [Fraction(0), Fraction(1, 4)])
@pytest.mark.parametrize(("codec", "suffix"), [("aac", ".mp4"), ("flac", ".mp4"), ("aac", ".webm")])
def test_audio_stays_in_step_with_the_images(convert, tmp_path: Path, begin: Fraction, codec: str, suffix: str) -> None:
    clip = write_clip(tmp_path / "clip.mkv", CONSTANT, begin=begin, codec=codec)
    out = convert(clip, tmp_path / f"out{suffix}")
    assert times_of(out)[0] == 0
    with av.open(str(out)) as container:
        for frame in container.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.3)
            if loud.size:
                heard = float(frame.pts * frame.time_base) + loud[0] / frame.sample_rate
                break
    assert heard == pytest.approx(float(CLICK), abs=0.03)


def test_no_audio_leaves_it_out_and_a_link_keeps_it(convert, tmp_path: Path) -> None:
    (tmp_path / "link.mkv").symlink_to(write_clip(tmp_path / "clip.mkv", CONSTANT, codec="aac"))
    for name, audio in (("with.mp4", True), ("without.mp4", False)):
        with av.open(str(convert(tmp_path / "link.mkv", tmp_path / name, audio=audio))) as container:
            assert len(container.streams.audio) == audio


CRASHING = """
import os, runpy, sys
worker = runpy.run_path({worker!r})
shift_packet, seen = worker["shift_packet"], []
def counted(packet, seconds):
    seen.append(packet)
    if len(seen) == 60:
        os.abort()
    shift_packet(packet, seconds)
worker["main"].__globals__["shift_packet"] = counted
os._exit(worker["run"](sys.argv[1:]))
"""


def test_audio_that_crashes_its_worker_leaves_the_images_whole(
    toy_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "clip.mkv", CONSTANT, codec="aac")
    (tmp_path / "crashing.py").write_text(CRASHING.format(worker=str(audio_module.PROGRAM)))
    monkeypatch.setattr(audio_module, "PROGRAM", tmp_path / "crashing.py")
    report = run_with(clip, bundle=toy_bundle, out=tmp_path / "out.mp4")
    assert len(report.failures) == 1 and "audio of" in report.failures[0] and "is damaged" in report.failures[0]
    assert times_of(tmp_path / "out.mp4") == times_of(clip)


@pytest.mark.parametrize(("degrees", "matrix"), [(90, (0, 1, -1, 0)), (270, (0, -1, 1, 0)), (180, (-1, 0, 0, -1))])
def test_the_rotation_of_the_container_is_applied(
    convert, tmp_path: Path, degrees: int, matrix: tuple[int, ...]
) -> None:
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        stored = np.zeros((*SIZE, 3), np.uint8)
        stored[:24, :32] = 255  # the upper left quarter is bright
        for _ in range(3):
            container.mux(video.encode(av.VideoFrame.from_ndarray(stored, format="rgb24")))
        container.mux(video.encode(None))
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd") + 4
    at = header + (40 if data[header] == 0 else 52)  # behind the times, the layer and the volume
    assert struct.unpack_from(">9i", data, at) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    a, b, c, d = (value << 16 for value in matrix)
    struct.pack_into(">9i", data, at, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)

    upright = np.rot90(stored, -degrees // 90)  # the matrix rotates clockwise
    with open_source(str(path)) as source:
        image = next(iter(source)).image
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).mean() < 8
    out = convert(path, tmp_path / "out.mp4", background="side-by-side")
    with av.open(str(out)) as container:
        assert container.streams.video[0].height == upright.shape[0]


KILLED = """
import sys
from pathlib import Path
from tests.flat_run import run_with
def progress(done, total):
    if done == int(sys.argv[4]):
        print("running", flush=True)
run_with(sys.argv[1], bundle=sys.argv[2], out=Path(sys.argv[3]), steps=1, progress=progress)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills the POSIX way")
@pytest.mark.parametrize("name", ["out.mp4", "out.webm"])
def test_what_a_killed_live_run_has_written_plays(toy_bundle: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    with MJPEGServer(lambda index: np.full((*SIZE, 3), 8 * index % 256, np.uint8), rate=60) as camera:
        command = [sys.executable, "-c", KILLED, camera.address, str(toy_bundle), str(out), "100"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout.readline() == "running\n"
            time.sleep(0.2)
            os.kill(process.pid, signal.SIGKILL)
    assert not out.exists()
    part = tmp_path / f"{name}.part"
    played = times_of(part)
    assert len(played) >= 20 and played == sorted(played)
    with open_source(str(part)) as source:
        assert sum(1 for _ in source) >= 20
