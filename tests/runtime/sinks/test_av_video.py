"""Videos through PyAV, read back: times, audio, transparency, and what an error leaves."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from drc_runtime.errors import OutputError, UsageError
from drc_runtime.frames import Frame
from drc_runtime.inference.extraction import Extraction
from drc_runtime.sinks.av_video import AvVideoSink
from drc_runtime.views.compose import cutout, overlay

RATE = Fraction(30000, 1001)


def alpha_of(index: int) -> np.ndarray:
    alpha = np.zeros((48, 64), np.uint8)
    alpha[8:40, 8 + index : 40 + index] = 255
    return alpha


def fill(sink: AvVideoSink, times: list[float], size: tuple[int, int] = (48, 64)) -> None:
    for index, seconds in enumerate(times):
        image = np.full((*size, 3), 100 + 8 * index, np.uint8)
        probability = alpha_of(index)[: size[0], : size[1]]
        sink.write(Frame(image, index, seconds, f"{index:05d}"), Extraction(probability, 0.0, 1))


def sink_to(path: Path, *, alpha: bool = False, audio: Path | None = None, live: bool = False) -> AvVideoSink:
    background = cutout if alpha else overlay

    def view(frame: Frame, extraction: Extraction) -> np.ndarray:
        return background(frame.image, extraction.probability)

    return AvVideoSink(path, RATE, view, alpha=alpha, audio=audio, live=live, failures=[])


def times_of(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_times_are_exact_for_a_constant_rate(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    with sink_to(path) as sink:
        fill(sink, [float(index / RATE) for index in range(10)])
    assert times_of(path) == [index / RATE for index in range(10)]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_variable_rate_survives(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.05, 0.3, 0.31, 1.0]
    with sink_to(tmp_path / "out.mp4") as sink:
        fill(sink, times)
    assert [float(time) for time in times_of(tmp_path / "out.mp4")] == pytest.approx(times, abs=1 / 90_000)


def test_odd_sizes_become_even(tmp_path: Path) -> None:
    with sink_to(tmp_path / "out.mp4") as sink:
        fill(sink, [0.0, 0.1], (47, 63))
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.pix_fmt) == (64, 48, "yuv420p")


@pytest.mark.parametrize(("suffix", "decoder"), [(".mov", "prores"), (".webm", "libvpx-vp9")])
def test_transparency_comes_back(tmp_path: Path, suffix: str, decoder: str) -> None:
    path = tmp_path / f"out{suffix}"
    with sink_to(path, alpha=True) as sink:
        fill(sink, [float(index / RATE) for index in range(10)])
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        # FFmpeg's own VP9 decoder leaves the transparency out.
        context = av.CodecContext.create(decoder, "r")
        context.extradata, context.codec_tag = stream.codec_context.extradata, stream.codec_context.codec_tag
        frames = [
            frame for packet in container.demux(stream) for frame in context.decode(packet if packet.size else None)
        ]
    assert len(frames) == 10
    for index, frame in enumerate(frames):
        found = frame.to_ndarray(format="rgba")[..., 3].astype(int)
        assert np.abs(found - alpha_of(index)).mean() < 4


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_a_container_without_transparency_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UsageError, match=r"\.mov, \.webm"):
        sink_to(tmp_path / f"out{suffix}", alpha=True)
    assert list(tmp_path.iterdir()) == []


def write_audio(path: Path, codec: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=48000)
        stream.codec_context.layout = "mono"
        samples = np.sin(np.arange(48000) * 0.05).astype(np.float32)[None]
        for start in range(0, 48000, 960):
            frame = av.AudioFrame.from_ndarray(samples[:, start : start + 960], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("codec", "suffix", "kept"),
    [("aac", ".mp4", "aac"), ("aac", ".webm", "opus"), ("flac", ".mp4", "aac"), ("libopus", ".webm", "opus")],
)
def test_audio_is_kept_as_long_as_the_images(tmp_path: Path, codec: str, suffix: str, kept: str) -> None:
    source = write_audio(tmp_path / "source.mka", codec)
    path = tmp_path / f"out{suffix}"
    with sink_to(path, audio=source) as sink:
        fill(sink, [index / 20 for index in range(10)])
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.name == kept
        frames = list(container.decode(audio=0))
        seconds = sum(frame.samples / frame.sample_rate for frame in frames)
        loud = max(float(np.abs(frame.to_ndarray().astype(float)).max()) for frame in frames)
    assert 0.4 < seconds < 0.7 and loud > 0.5


def test_what_is_written_of_a_live_source_plays_before_it_is_closed(tmp_path: Path) -> None:
    sink = sink_to(tmp_path / "out.mp4", live=True)
    for start in range(0, 240, 10):
        for index in range(10):
            seconds = float((start + index) / RATE)
            image = np.full((48, 64, 3), 90, np.uint8)
            sink.write(Frame(image, start + index, seconds, "x"), Extraction(alpha_of(index), 0.0, 1))
    copy = tmp_path / "killed.mp4"
    copy.write_bytes((tmp_path / "out.mp4.part").read_bytes())
    assert len(times_of(copy)) >= 60
    sink.discard()
    assert not (tmp_path / "out.mp4").exists() and (tmp_path / "out.mp4.part").exists()


def test_a_folder_that_is_removed_midway_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    sink = sink_to(folder / "out.mp4")
    times = iter(range(1000))
    fill(sink, [next(times) / 10])
    (folder / "out.mp4.part").unlink()
    folder.rmdir()
    with pytest.raises(OutputError, match="was removed"):
        fill(sink, [next(times) / 10])
    sink.discard()


def test_nothing_written_leaves_nothing(tmp_path: Path) -> None:
    with sink_to(tmp_path / "out.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []
