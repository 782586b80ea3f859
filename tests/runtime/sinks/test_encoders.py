"""Every kind of video, read back: rate, size, and what is left after an error."""

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.errors import OutputError, UsageError
from drc_runtime.frames import Frame, View
from drc_runtime.inference.extraction import Extraction
from drc_runtime.sinks import av_video
from drc_runtime.sinks.av_video import AvVideoSink
from drc_runtime.sinks.encoders import OPAQUE
from drc_runtime.sources.open import open_source
from drc_runtime.views.compose import parse_background

ROOT = Path(av_video.__file__).parents[2]


def sink_to(path: Path, rate: Fraction, view: View) -> AvVideoSink:
    return AvVideoSink(path, rate, view, alpha=False, audio=None, live=False, failures=[])


def plain(frame: Frame, extraction: Extraction) -> np.ndarray:
    return frame.image


def composed(background: Callable[..., np.ndarray]) -> View:
    return lambda frame, extraction: background(frame.image, extraction.probability)


def frame(image: np.ndarray, index: int = 0, seconds: float = 0.0) -> Frame:
    return Frame(image, index, seconds, f"{index:05d}")


def extraction(image: np.ndarray) -> Extraction:
    return Extraction(np.zeros(image.shape[:2], np.uint8), 0.0, 1)


def grey(level: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    return np.full((*size, 3), level, np.uint8)


def levels(path: Path) -> list[int]:
    with open_source(str(path)) as source:
        found = [round(float(read.image.mean())) for read in source]
        assert source.failures == []
    return found


@pytest.mark.parametrize("name", ["out.mp4", "out.AVI", "out.mov", "out.webm"])
def test_a_video_holds_every_frame_at_its_rate(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with sink_to(path, Fraction(30000, 1001), plain) as sink:
        for index in range(25):
            sink.write(frame(grey(10 * index), index, index * 1001 / 30000), extraction(grey(0)))
            assert not path.exists()
    assert [path] == list(tmp_path.iterdir())
    np.testing.assert_allclose(levels(path), np.arange(0, 250, 10), atol=4)  # the codec is lossy
    with open_source(str(path)) as source:
        assert (source.rate, source.count) == (Fraction(30000, 1001), 25)


def test_a_video_shows_the_composed_image_in_rgb(tmp_path: Path) -> None:
    with sink_to(tmp_path / "a.mp4", Fraction(25), composed(parse_background("#ff0000"))) as sink:
        sink.write(frame(grey(0)), extraction(grey(0)))
    with open_source(str(tmp_path / "a.mp4")) as source:
        np.testing.assert_allclose(next(iter(source)).image.mean(axis=(0, 1)), (255, 0, 0), atol=6)


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (47, 63), (480, 17)])
@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.webm"])
def test_frames_of_any_size_become_a_video_of_even_size(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    with sink_to(tmp_path / name, Fraction(25), plain) as sink:
        for index in range(3):
            sink.write(frame(grey(200, size), index), extraction(grey(0, size)))
    with open_source(str(tmp_path / name)) as source:
        images = [read.image for read in source]
    assert len(images) == 3
    assert all(side % 2 == 0 and side >= 16 for side in images[0].shape[:2])
    if min(size) >= 16:  # one repeated row or column, no dark border
        assert images[0].shape[:2] == tuple(side + side % 2 for side in size)
        assert abs(int(images[0][-1, -1, 0]) - 200) < 8


def test_a_frame_of_another_size_is_fitted_in_with_bars(tmp_path: Path) -> None:
    with sink_to(tmp_path / "a.avi", Fraction(25), plain) as sink:
        sink.write(frame(grey(200, (64, 64))), extraction(grey(0, (64, 64))))
        sink.write(frame(grey(200, (32, 64)), 1), extraction(grey(0, (32, 64))))
    with open_source(str(tmp_path / "a.avi")) as source:
        _, second = [read.image for read in source]
    assert second.shape == (64, 64, 3)
    assert second[:12].max() < 40 and second[52:].max() < 40 and second[20:44].min() > 170


@pytest.mark.parametrize("name", ["a.avi", "a.mp4"])
def test_a_frame_is_shown_until_the_next_one_as_live_sources_drop_frames(tmp_path: Path, name: str) -> None:
    with sink_to(tmp_path / name, Fraction(10), plain) as sink:
        for index, seconds in enumerate((0.0, 0.1, 0.5, 0.52)):
            sink.write(frame(grey(50 * index), index, seconds), extraction(grey(0)))
    with open_source(str(tmp_path / name)) as source:
        found = [(round(read.seconds, 2), round(float(read.image.mean()), -1)) for read in source]
    assert found == [(0.0, 0), (0.1, 50), (0.5, 100), (0.6 if name == "a.avi" else 0.52, 150)]


def test_an_hour_without_a_frame_fits_into_an_avi(tmp_path: Path) -> None:
    with sink_to(tmp_path / "a.avi", Fraction(25), plain) as sink:
        for index, seconds in enumerate((0.0, 3600.0)):
            sink.write(frame(grey(100 * index), index, seconds), extraction(grey(0)))
    with open_source(str(tmp_path / "a.avi")) as source:
        last = list(source)[-1]
    assert last.seconds == 3600.0 and abs(last.image.mean() - 100) < 4


def test_an_exception_leaves_the_old_video_and_the_part_that_is_done(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the old one")
    with pytest.raises(RuntimeError), sink_to(path, Fraction(25), plain) as sink:
        sink.write(frame(grey(0)), extraction(grey(0)))
        raise RuntimeError
    assert path.read_bytes() == b"the old one"
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "a.mp4.part"]


def test_without_a_frame_there_is_no_video(tmp_path: Path) -> None:
    with sink_to(tmp_path / "a.mp4", Fraction(25), plain):
        pass
    assert list(tmp_path.iterdir()) == []


def test_discarding_after_closing_keeps_the_video(tmp_path: Path) -> None:
    sink = sink_to(tmp_path / "a.mp4", Fraction(25), plain)
    sink.write(frame(grey(0)), extraction(grey(0)))
    sink.close()
    sink.discard()
    assert (tmp_path / "a.mp4").exists()


@pytest.mark.parametrize("name", ["a.mkv", "a.png", "a"])
def test_an_unknown_container_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"use one of: \.mp4, \.mov, \.webm, \.avi"):
        sink_to(tmp_path / name, Fraction(25), plain)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_refused_before_the_first_frame(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file or directory"):
        sink_to(tmp_path / "gone" / "a.mp4", Fraction(25), plain)


FULL_DISK = """
import resource, sys, numpy as np
from fractions import Fraction
from pathlib import Path
from drc_runtime.errors import OutputError
from drc_runtime.inference.extraction import Extraction
from drc_runtime.frames import Frame
from drc_runtime.sinks.av_video import AvVideoSink
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
noise = np.random.default_rng(0)
try:
    kind = dict(alpha=False, audio=None, live=False, failures=[])
    with AvVideoSink(Path(sys.argv[1]), Fraction(25), lambda frame, extraction: frame.image, **kind) as sink:
        for index in range(30):
            image = noise.integers(0, 256, (240, 320, 3), np.uint8)
            sink.write(Frame(image, index, 0.0, "0"), Extraction(image[..., 0], 0.0, 1))
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the file size the POSIX way")
@pytest.mark.parametrize("suffix", OPAQUE)
def test_a_full_disk_is_one_line_and_keeps_what_is_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    command = [sys.executable, "-c", FULL_DISK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert "File too large" in done.stdout and len(done.stdout.splitlines()) == 1 and done.stderr == "", done
    assert [it.name for it in tmp_path.iterdir()] == [f"a{suffix}.part"]
    assert (tmp_path / f"a{suffix}.part").stat().st_size == 100_000


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode there")
@pytest.mark.parametrize("suffix", OPAQUE)
def test_a_name_that_is_not_utf8_is_written_and_read(tmp_path: Path, suffix: str) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9" + suffix.encode()))
    with sink_to(path, Fraction(25), plain) as sink:
        for index in range(3):
            sink.write(frame(grey(50 * index), index, index / 25), extraction(grey(0)))
    np.testing.assert_allclose(levels(path), [0, 50, 100], atol=4)
