"""Images, folders and videos as sources: every frame once, in order, and a line for what cannot be read."""

import struct
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.errors import SourceError
from drc_runtime.sources.cut_short import is_cut_short
from drc_runtime.sources.open import open_source


@pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
def test_every_frame_of_a_video_comes_once_in_order(make_video, name: str) -> None:
    path = make_video(name, frames=20)
    with open_source(str(path)) as source:
        assert (source.rate, source.count, source.live) == (Fraction(30000, 1001), 20, False)
        assert source.paths == {path}
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.name for frame in frames] == [f"{index:05d}" for index in range(20)]
    assert [round(float(frame.image.mean()) / 8) for frame in frames] == list(range(20))
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(20) * 1001 / 30000, atol=2e-3)
    assert source.failures == [] and source.dropped == 0


def test_frames_stay_valid_after_the_next_one(make_video) -> None:
    with open_source(str(make_video("a.avi", frames=5))) as source:
        images = [frame.image for frame in source]
    assert len({image.mean() for image in images}) == 5


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "is empty"), (b"this is no video\n" * 50, "is not a video that can be read")]
)
def test_what_is_no_video_is_refused_when_it_is_opened(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=reason) as caught:
        open_source(str(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_an_avi_cut_short_gives_the_frames_that_are_there_and_a_failure(make_video) -> None:
    path = make_video("a.avi", frames=20)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    with open_source(str(path)) as source:
        frames = list(source)
    assert 0 < len(frames) < 20
    # Whether half a frame can be decoded depends on the encoder, that is on OpenCV's version.
    *damaged, cut = source.failures
    assert damaged in ([], [f"{path} is damaged: frame {len(frames)} could not be decoded"])
    assert cut == f"{path} is cut short: it ends after {len(frames) + len(damaged)} of 20 frames"


def test_a_frame_that_cannot_be_decoded_is_named_and_the_others_keep_their_numbers(make_video) -> None:
    path = make_video("a.avi", frames=20)
    data = path.read_bytes()
    starts = [i for i in range(len(data)) if data.startswith(b"00dc", i)]
    begin, end = starts[7] + 8, starts[8]  # the first occurrence is in the header
    path.write_bytes(data[:begin] + bytes(end - begin) + data[end:])
    with open_source(str(path)) as source:
        levels = {frame.name: round(float(frame.image.mean()) / 8) for frame in source}
    assert levels == {f"{index:05d}": index for index in range(20) if index != 6}
    assert source.failures == [f"{path} is damaged: frame 6 could not be decoded"]


def test_an_mp4_without_its_index_is_refused(make_video) -> None:
    path = make_video("a.mp4")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SourceError, match="is not a video that can be read"):
        open_source(str(path))


def box(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    return struct.pack(">I", len(body) + 8 if length is None else length) + kind + body


FTYP = box(b"ftyp", b"isom" + bytes(4))


@pytest.mark.parametrize(
    ("data", "short"),
    [
        (FTYP + box(b"moov", bytes(50)) + box(b"mdat", bytes(100)), False),
        (FTYP + box(b"moov", bytes(50)) + box(b"mdat", bytes(100), 500), True),
        (FTYP + box(b"mdat", struct.pack(">Q", 116) + bytes(100), 1), False),
        (FTYP + box(b"mdat", struct.pack(">Q", 900) + bytes(100), 1), True),
        (FTYP + box(b"mdat", bytes(100), 0), False),
        (FTYP + box(b"mdat", bytes(100)) + b"\xff\xff\xff\xff\x00\x01\x02\x03 a recorder's own trailer", False),
        (b"RIFF" + struct.pack("<I", 104) + b"AVI " + bytes(100), False),
        (b"RIFF" + struct.pack("<I", 900) + b"AVI " + bytes(100), True),
        (b"RIFF" + struct.pack("<I", 104) + b"AVI " + bytes(100) + b"RIFF" + struct.pack("<I", 50) + b"AVIX", True),
        (b"\x1aE\xdf\xa3" + bytes(100), False),
        (b"", False),
    ],
)
def test_a_file_is_cut_short_if_its_last_box_runs_past_the_end(data: bytes, short: bool) -> None:
    assert is_cut_short(BytesIO(data)) is short


def test_an_image_is_one_frame_with_the_name_of_the_file(tmp_path: Path, image, save) -> None:
    path = save(tmp_path / "heron 2.PNG", image)
    with open_source(str(path)) as source:
        (frame,) = source
    assert (frame.name, frame.index, frame.seconds) == ("heron 2", 0, 0.0)
    assert (source.rate, source.count, source.live) == (None, 1, False)
    np.testing.assert_array_equal(frame.image, image)


def test_a_damaged_image_is_refused_when_it_is_opened(tmp_path: Path, image, save) -> None:
    path = save(tmp_path / "a.jpg", image)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(SourceError, match="cut short"):
        open_source(str(path))


def test_an_image_named_through_a_link_protects_both(tmp_path: Path, image, save) -> None:
    (tmp_path / "link.png").symlink_to(save(tmp_path / "a.png", image))
    assert open_source(str(tmp_path / "link.png")).paths == {tmp_path / "link.png", tmp_path / "a.png"}


def test_a_folder_goes_on_after_a_bad_image_and_lists_it(tmp_path: Path, image, save) -> None:
    for name in ("10.png", "9.jpg", "2.png"):
        save(tmp_path / name, image)
    (tmp_path / "9.jpg").write_bytes((tmp_path / "9.jpg").read_bytes()[:-60])
    (tmp_path / "11.png").write_text("no image")
    with open_source(str(tmp_path)) as source:
        assert source.count == 4 and source.failures == []
        frames = list(source)
    assert [(frame.name, frame.index) for frame in frames] == [("2", 0), ("10", 1)]
    assert len(source.failures) == 2
    assert "9.jpg is cut short" in source.failures[0] and "11.png is not an image" in source.failures[1]


def test_images_that_are_done_keep_their_places(tmp_path: Path, image, save) -> None:
    for name in ("1.png", "2.png", "3.png"):
        save(tmp_path / name, image)
    with open_source(str(tmp_path)) as source:
        source.is_done = lambda path: path.stem != "3"
        assert [(frame.name, frame.index) for frame in source] == [("3", 2)] and source.skipped == 2


def test_an_image_that_vanishes_during_the_run_is_a_failure(tmp_path: Path, image, save) -> None:
    for name in ("1.png", "2.png"):
        save(tmp_path / name, image)
    source = open_source(str(tmp_path))
    (tmp_path / "2.png").unlink()
    assert [frame.name for frame in source] == ["1"]
    assert "cannot read" in source.failures[0]


def test_two_images_whose_results_would_share_a_name_are_refused(tmp_path: Path, image, save) -> None:
    for name in ("a.png", "a.jpg"):
        save(tmp_path / name, image)
    with pytest.raises(SourceError, match=r"a\.jpg and a\.png in .* rename one"):
        open_source(str(tmp_path))


def test_a_folder_protects_itself_and_its_images(tmp_path: Path, image, save) -> None:
    path = save(tmp_path / "a.png", image)
    assert open_source(str(tmp_path)).paths == {tmp_path, path}
