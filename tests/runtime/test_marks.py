"""The mark tells a result of drc from a file of a user, and no reader of the format notices it."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.atomic import atomic_path, atomic_write
from drc_runtime.images import read_image, write_png
from drc_runtime.marks import is_damaged_png, is_marked, mark
from drc_runtime.sources.files import VideoSource
from tests.videos import write_video

IMAGE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def test_an_image_keeps_its_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.PNG"
    write_png(path, IMAGE)
    assert is_marked(path)
    np.testing.assert_array_equal(read_image(path), IMAGE)
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), IMAGE[..., ::-1])


def test_an_image_that_a_user_made_or_edited_has_no_mark(tmp_path: Path) -> None:
    mine, edited = tmp_path / "mine.png", tmp_path / "edited.png"
    cv2.imwrite(str(mine), IMAGE)
    write_png(edited, IMAGE)
    cv2.imwrite(str(edited), cv2.imread(str(edited)))
    assert not is_marked(mine) and not is_marked(edited)
    write_png(edited, IMAGE)
    data = bytearray(edited.read_bytes())
    data[45] ^= 1
    edited.write_bytes(data)
    assert not is_marked(edited)


@pytest.mark.parametrize("suffix", [".avi", ".mp4"])
def test_a_video_keeps_its_frames(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_video(tmp_path / "plain.avi", [np.full((48, 64, 3), 200, np.uint8)] * 5)
    with atomic_path(path) as temporary:
        write_video(temporary, [np.full((48, 64, 3), 200, np.uint8)] * 5)
    assert is_marked(path) and not is_marked(tmp_path / "plain.avi")
    with VideoSource(path) as video:
        assert len(list(video)) == 5 and video.failures == []


@pytest.mark.parametrize(("suffix", "encoder"), [(".mp4", "libx264"), (".mov", "libx264"), (".webm", "libvpx-vp9")])
def test_a_container_with_the_mark_is_whole(tmp_path: Path, suffix: str, encoder: str) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / f"a{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode())
    mark(path, suffix)
    assert is_marked(path)
    with VideoSource(path) as video:
        assert len(list(video)) == 5 and video.failures == []
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5


def test_formats_without_a_mark_are_as_they_were(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a.md", b"text")
    assert (tmp_path / "a.md").read_bytes() == b"text" and not is_marked(tmp_path / "a.md")
    for name in ("a.png", "a.mp4"):
        (tmp_path / name).write_bytes(b"")
        assert not is_marked(tmp_path / name)


def test_what_is_damaged(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", IMAGE)
    data = (tmp_path / "a.png").read_bytes()
    assert all(is_damaged_png(part) for part in (b"", bytes(40), data[:5], data[:50], data[:-12]))
    assert not is_damaged_png(data) and not is_damaged_png(b"GIMP")
