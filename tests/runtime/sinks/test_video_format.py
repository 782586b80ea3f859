"""From file to file: colours, range, pixel aspect, rotation, fields, audio tracks."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from drc_runtime.sinks import audio as audio_module
from drc_runtime.sources.open import open_source
from tests.flat_run import run_with

BARS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (235, 235, 235), (20, 20, 20))
MATRICES = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def bars(height: int, width: int) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    for index, colour in enumerate(BARS):
        image[:, index * width // len(BARS) : (index + 1) * width // len(BARS)] = colour
    return image


def write_bars(path: Path, size: tuple[int, int], matrix: int, full: bool, **tags: Any) -> Path:
    """Bars whose YUV values are computed here, with floats, so that no library's idea of colours is trusted."""
    height, width = size
    depth = 10 if tags.get("pixels", "").endswith("10le") else 8
    kr, kb = MATRICES[matrix]
    red, green, blue = (bars(height, width)[..., channel] / 255.0 for channel in range(3))
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    chroma = [(blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)]
    scale = 1 << (depth - 8)
    if full:
        planes = [luma * 255, *(it * 255 + 128 for it in chroma)]
    else:
        planes = [luma * 219 + 16, *(it * 224 + 128 for it in chroma)]
    whole = [np.clip(np.round(it * scale), 0, 256 * scale - 1) for it in planes]
    values = np.concatenate([whole[0].ravel(), *(it[::2, ::2].ravel() for it in whole[1:])])
    stacked = values.reshape(height * 3 // 2, width).astype(np.uint16 if depth == 10 else np.uint8)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(tags.get("codec", "libx264"), rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, tags.get("pixels", "yuv420p")
        stream.options = {"crf": "1", "preset": "ultrafast"} | tags.get("options", {})
        context = stream.codec_context
        context.sample_aspect_ratio = tags.get("aspect", 1)
        context.colorspace = tags.get("tag", matrix)
        context.color_range = (2 if full else 1) if "tag" not in tags else 0
        context.color_primaries, context.color_trc = tags.get("primaries", 2), tags.get("transfer", 2)
        for index in range(3):
            if depth == 10:
                frame = av.VideoFrame(width, height, stream.pix_fmt)
                for plane, rows in zip(
                    frame.planes, np.split(values, [height * width, height * width * 5 // 4]), strict=True
                ):
                    lines = rows.reshape(plane.height, plane.width).astype(np.uint16)
                    padded = np.zeros((plane.height, plane.line_size // 2), np.uint16)
                    padded[:, : plane.width] = lines
                    plane.update(padded.tobytes())
            else:
                frame = av.VideoFrame.from_ndarray(stacked, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            frame.color_range = 2 if full else 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def first_frame(path: Path) -> tuple[Any, Any]:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)), container.streams.video[0]


@pytest.fixture
def convert(toy_bundle: Path) -> Callable[..., Path]:
    def start(source: Path, out: Path, **options: object) -> Path:
        report = run_with(source, bundle=toy_bundle, out=out, **({"background": "side-by-side"} | options))
        assert report.failures == []
        return out

    return start


def centres(image: np.ndarray) -> np.ndarray:
    """The colours in the middle of the bars of the left half of a side-by-side view, or of a whole image."""
    width = image.shape[1]
    return image[
        image.shape[0] // 2, [width * (2 * index + 1) // (2 * len(BARS)) for index in range(len(BARS))]
    ].astype(int)


SIZES = {"HD": (720, 1280), "SD": (96, 144)}


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("size", SIZES)
def test_colours_are_read_as_they_are_tagged(tmp_path: Path, size: str, matrix: int, full: bool) -> None:
    path = write_bars(tmp_path / "a.mp4", SIZES[size], matrix, full)
    with open_source(str(path)) as source:
        image = next(iter(source)).image
        assert (source.format.matrix, source.format.full_range) == (matrix, full)
    assert np.abs(centres(image) - BARS).max() <= 4


@pytest.mark.parametrize(("size", "matrix"), [("HD", 1), ("SD", 6)])
def test_colours_without_a_tag_are_read_as_players_do(tmp_path: Path, size: str, matrix: int) -> None:
    path = write_bars(tmp_path / "a.mp4", SIZES[size], matrix, False, tag=2)
    assert first_frame(path)[0].colorspace == 2
    with open_source(str(path)) as source:
        assert np.abs(centres(next(iter(source)).image) - BARS).max() <= 4


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
@pytest.mark.parametrize(
    ("matrix", "full", "primaries", "transfer"),
    [(1, False, 1, 1), (6, False, 6, 6), (6, True, 2, 2), (9, False, 9, 16), (9, False, 9, 18), (1, True, 1, 13)],
    ids=["BT.709", "BT.601", "full range", "PQ", "HLG", "sRGB"],
)
def test_the_result_has_the_colours_and_the_tags_of_the_source(
    convert, tmp_path: Path, suffix: str, matrix: int, full: bool, primaries: int, transfer: int
) -> None:
    clip = write_bars(tmp_path / "a.mp4", (96, 144), matrix, full, primaries=primaries, transfer=transfer)
    before, _ = first_frame(clip)
    after, _ = first_frame(convert(clip, tmp_path / f"o{suffix}"))
    assert (after.colorspace, after.color_range) == (matrix, 2 if full else 1)
    assert (after.color_primaries, after.color_trc) == (primaries, transfer)
    planes = [it.to_ndarray(format="gray")[40, 12:132:24].astype(int) for it in (before, after)]
    assert np.abs(planes[0] - planes[1]).max() <= 3  # luma, unchanged
    image = VideoReformatter().reformat(after, format="rgb24").to_ndarray()[:, :144]
    assert np.abs(centres(image) - BARS).max() <= 8


@pytest.mark.parametrize("pixels", ["yuv420p10le"])
def test_ten_bits_are_read_with_their_colours_and_keep_their_tags(convert, tmp_path: Path, pixels: str) -> None:
    clip = write_bars(tmp_path / "a.mp4", (96, 144), 9, False, pixels=pixels, primaries=9, transfer=16)
    with open_source(str(clip)) as source:
        assert np.abs(centres(next(iter(source)).image) - BARS).max() <= 4
    after, _ = first_frame(convert(clip, tmp_path / "o.mp4"))
    assert (after.colorspace, after.color_primaries, after.color_trc) == (9, 9, 16)


def test_rgb_that_has_no_matrix_gets_one_that_is_named(convert, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream: Any = container.add_stream("libx264rgb", rate=10)
        stream.width, stream.height, stream.pix_fmt = 144, 96, "rgb24"
        stream.options = {"crf": "1"}
        container.mux(stream.encode(av.VideoFrame.from_ndarray(bars(96, 144), format="rgb24")))
        container.mux(stream.encode(None))
    with open_source(str(tmp_path / "a.mp4")) as source:
        assert np.abs(centres(next(iter(source)).image) - BARS).max() <= 4
    after, _ = first_frame(convert(tmp_path / "a.mp4", tmp_path / "o.mp4"))
    assert (after.colorspace, after.color_range) == (6, 1)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm", ".avi"])
@pytest.mark.parametrize("aspect", [Fraction(64, 45), Fraction(8, 9)])
def test_the_image_keeps_its_shape(convert, tmp_path: Path, suffix: str, aspect: Fraction) -> None:
    clip = write_bars(tmp_path / "a.mp4", (96, 144), 6, False, aspect=aspect)
    _, stream = first_frame(convert(clip, tmp_path / f"o{suffix}"))
    pixel = stream.sample_aspect_ratio or Fraction(1)
    assert float(pixel * stream.width / stream.height) == pytest.approx(float(aspect * 288 / 96), rel=0.02)
    if suffix in (".mp4", ".mov"):
        assert (pixel, stream.width) == (aspect, 288)


@pytest.mark.parametrize(("first", "name"), [("top", "tff"), ("bottom", "bff")])
def test_interlaced_frames_stay_marked(convert, tmp_path: Path, first: str, name: str) -> None:
    clip = write_bars(tmp_path / "a.mp4", (96, 144), 6, False, options={"x264-params": f"{name}=1"})
    with open_source(str(clip)) as source:
        assert source.format.first_field == first
    frame, stream = first_frame(convert(clip, tmp_path / "o.mp4"))
    assert frame.interlaced_frame
    with open_source(str(tmp_path / "o.mp4")) as source:
        assert source.format.first_field == first


ORIENTATIONS = [
    (1, 0, 0, 1),
    (-1, 0, 0, 1),
    (1, 0, 0, -1),
    (-1, 0, 0, -1),
    (0, 1, 1, 0),
    (0, 1, -1, 0),
    (0, -1, 1, 0),
    (0, -1, -1, 0),
]


@pytest.mark.parametrize("matrix", ORIENTATIONS)
def test_rotated_and_mirrored_videos_come_upright(convert, tmp_path: Path, matrix: tuple[int, ...]) -> None:
    path = write_bars(tmp_path / "a.mp4", (96, 144), 6, False, aspect=Fraction(4, 3))
    with open_source(str(path)) as source:
        stored = next(iter(source)).image
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in matrix)
    struct.pack_into(">9i", data, at, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    rows, columns = np.mgrid[0:96, 0:144]
    x, y = (matrix[0] * columns + matrix[2] * rows), (matrix[1] * columns + matrix[3] * rows)
    x, y = x - x.min(), y - y.min()
    shown = np.zeros((y.max() + 1, x.max() + 1, 3), np.uint8)
    shown[y, x] = stored
    with open_source(str(path)) as source:
        np.testing.assert_array_equal(next(iter(source)).image, shown)
        assert source.format.aspect == (Fraction(3, 4) if matrix[0] == 0 else Fraction(4, 3))


def tones(path: Path, begins: list[float], *, codec: str = "aac", languages: tuple[str, ...] = ()) -> Path:
    """Three seconds of grey, and audio tracks that are silent, with a click at each of the seconds."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sounds = [container.add_stream(codec, rate=48000) for _ in begins]
        for sound, language in zip(sounds, languages, strict=False):
            sound.metadata["language"] = language
        for index in range(75):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        at = np.arange(3 * 48000) / 48000
        for sound, begin in zip(sounds, begins, strict=True):
            samples = (np.sin(at * 6000) * ((at >= begin) & (at < begin + 0.1))).astype(np.float32)[None]
            for start in range(0, samples.shape[1], 960):
                heard = av.AudioFrame.from_ndarray(samples[:, start : start + 960], format="fltp", layout="mono")
                heard.sample_rate, heard.pts, heard.time_base = 48000, start, Fraction(1, 48000)
                container.mux(sound.encode(heard))
            container.mux(sound.encode(None))
    return path


def clicks(path: Path) -> list[float]:
    """When the click of each audio track is heard."""
    found = []
    with av.open(str(path)) as container:
        count = len(container.streams.audio)
    for track in range(count):
        with av.open(str(path)) as container:
            for frame in container.decode(audio=track):
                loud = np.flatnonzero(np.abs(frame.to_ndarray()[0].astype(float)) > 0.3)
                if loud.size:
                    found.append(float(frame.pts * frame.time_base) + loud[0] / frame.sample_rate)
                    break
    return found


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
def test_all_audio_tracks_are_kept_with_their_languages(convert, tmp_path: Path, suffix: str) -> None:
    clip = tones(tmp_path / "a.mkv", [0.5, 1.25], languages=("ger", "fra"))
    out = convert(clip, tmp_path / f"o{suffix}")
    assert clicks(out) == pytest.approx([0.5, 1.25], abs=0.012)
    with av.open(str(out)) as container:
        assert [it.metadata["language"] for it in container.streams.audio] == ["ger", "fra"]


def trimmed(clip: Path, path: Path, begin: float) -> Path:
    """Copies packets from the key frame before ``begin``; an edit list hides what comes before, as lossless cutters do it."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        streams = {it.index: target.add_stream_from_template(it) for it in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                ticks = round(begin / packet.time_base)
                packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
@pytest.mark.parametrize("begin", [0.0, 0.3, 1.0])
def test_sound_stays_in_step_after_a_lossless_trim(convert, tmp_path: Path, suffix: str, begin: float) -> None:
    clip = trimmed(tones(tmp_path / "whole.mp4", [1.5]), tmp_path / "a.mp4", begin)
    assert clicks(clip) == pytest.approx([1.5 - begin], abs=0.012)
    out = convert(clip, tmp_path / f"o{suffix}")
    assert clicks(out) == pytest.approx([1.5 - begin], abs=0.012)
    with av.open(str(out)) as container:
        assert float(next(container.decode(video=0)).time) == 0


def test_sound_of_joined_recordings_stays_in_step(convert, tmp_path: Path) -> None:
    piece = tones(tmp_path / "piece.ts", [0.5]).read_bytes()
    (tmp_path / "a.ts").write_bytes(piece * 2)
    out = convert(tmp_path / "a.ts", tmp_path / "o.mp4")
    with av.open(str(out)) as container:
        times = [float(frame.time) for frame in container.decode(video=0)]
    assert len(times) == 150 and times == pytest.approx([index / 25 for index in range(150)], abs=0.1)
    with av.open(str(out)) as container:
        loud = [float(it.time) for it in container.decode(audio=0) if np.abs(it.to_ndarray()).max() > 0.3]
    assert min(loud) == pytest.approx(0.5, abs=0.05) and max(loud) == pytest.approx(3.6, abs=0.15)


DYING = {
    "dies at its start": "import os; os.abort()",
    "ends at its start": "raise SystemExit(1)",
    "sends nonsense": "import sys; sys.stdout.write('nonsense' * 10000)",
    "hangs": "import time; time.sleep(600)",
    "closes the pipe and hangs": "import os, time; os.close(1); time.sleep(600)",
}


@pytest.mark.parametrize("body", DYING.values(), ids=DYING)
def test_sound_whose_worker_fails_is_named(toy_bundle: Path, tmp_path: Path, monkeypatch, body: str) -> None:
    clip = tones(tmp_path / "a.mkv", [0.5])
    (tmp_path / "worker.py").write_text(body)
    monkeypatch.setattr(audio_module, "PROGRAM", tmp_path / "worker.py")
    monkeypatch.setattr(audio_module, "PATIENCE_SECONDS", 1.0)
    report = run_with(clip, bundle=toy_bundle, out=tmp_path / "o.mp4", steps=1)
    assert report.failures == [f"the sound of {clip} cannot be read; the video is written without it"]
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 75


def test_a_video_without_sound_is_no_failure(convert, tmp_path: Path) -> None:
    clip = write_bars(tmp_path / "a.mp4", (96, 144), 6, False)
    with av.open(str(convert(clip, tmp_path / "o.mp4"))) as container:
        assert not container.streams.audio


def test_sound_that_ends_before_its_announced_end_is_named(toy_bundle: Path, tmp_path: Path) -> None:
    clip = tones(tmp_path / "a.mkv", [0.5])
    data = clip.read_bytes()
    at = data.rindex(b"00:00:03.")  # the tag of the last track
    clip.write_bytes(data[:at] + b"00:00:09." + data[at + 9 :])
    report = run_with(clip, bundle=toy_bundle, out=tmp_path / "o.mp4", steps=1)
    assert report.failures == [f"the audio of {clip} is damaged: it ends after 3.0 s"]
