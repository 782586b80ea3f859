"""Image files: listed, decoded, refused if damaged, and written."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drc_runtime.errors import OutputError, SourceError
from drc_runtime.images import decode_image, list_images, read_image, write_png


def encode(pixels: np.ndarray, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def noisy(height: int = 40, width: int = 56) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_images_are_listed_in_natural_order_without_hidden_files_and_subfolders(tmp_path: Path) -> None:
    for name in ("frame10.png", "frame2.png", "Frame1.PNG", "notes.txt", "._frame2.png", ".frame3.x.part.png"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in list_images(tmp_path)] == ["Frame1.PNG", "frame2.png", "frame10.png"]


def test_a_folder_without_images_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no images in"):
        list_images(tmp_path)
    with pytest.raises(SourceError, match="cannot read .*gone"):
        list_images(tmp_path / "gone")


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm"])
def test_lossless_formats_come_back_as_the_same_rgb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(encode(noisy(), suffix))
    np.testing.assert_array_equal(read_image(path), noisy())


def test_one_pixel() -> None:
    np.testing.assert_array_equal(decode_image(encode(np.uint8([[[9, 8, 7]]])), "a"), np.uint8([[[9, 8, 7]]]))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_scaled_to_8(suffix: str) -> None:
    values = np.linspace(0, 65535, 300).astype(np.uint16).reshape(10, 10, 3)
    image = decode_image(encode(values, suffix), "a")
    assert image.dtype == np.uint8
    assert np.abs(image - values / 257).max() <= 1
    assert (image.min(), image.max()) == (0, 255)


def test_alpha_is_dropped_and_the_colours_under_it_stay() -> None:
    rgba = np.dstack([noisy(), np.full((40, 56), 7, np.uint8)])
    data = cv2.imencode(".png", cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))[1].tobytes()
    np.testing.assert_array_equal(decode_image(data, "a"), noisy())


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA"])
def test_other_colour_modes_become_rgb(mode: str) -> None:
    buffer = io.BytesIO()
    image = Image.fromarray(noisy()).convert(mode)
    image.save(buffer, "PNG")
    np.testing.assert_array_equal(decode_image(buffer.getvalue(), "a"), np.asarray(image.convert("RGB")))


def exif_jpeg(pixels: np.ndarray, orientation: int, *, thumbnail: bytes = b"") -> bytes:
    """A JPEG whose Exif segment, written by hand, holds an orientation and any bytes as thumbnail."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"MM\x00\x2a" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0) + thumbnail
    body = b"Exif\x00\x00" + tiff
    jpeg = encode(pixels, ".jpg")
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def test_exif_rotation_is_applied() -> None:
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:16, :16] = 255  # top left
    rotated = decode_image(exif_jpeg(pixels, 6), "a")
    assert rotated.shape == (64, 32, 3)
    assert rotated[4:12, 20:28].min() > 200  # 90 degrees clockwise: top right
    assert rotated[:, :12].max() < 50


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif", ".ppm"])
def test_a_truncated_image_is_refused(suffix: str, share: float) -> None:
    data = encode(noisy(), suffix)
    with pytest.raises(SourceError, match=r"^a\.x "):
        decode_image(data[: int(len(data) * share)], "a.x")


def test_a_jpeg_cut_short_is_refused_although_its_thumbnail_is_whole() -> None:
    data = exif_jpeg(noisy(), 1, thumbnail=encode(noisy(8, 8), ".jpg"))
    assert decode_image(data, "a").shape == (40, 56, 3)
    with pytest.raises(SourceError, match="cut short"):
        decode_image(data[:-200], "a")


def test_a_png_that_promises_more_than_it_can_hold_is_refused_before_it_is_decoded() -> None:
    data = bytearray(encode(noisy()))
    data[16:24] = struct.pack(">II", 30_000, 30_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with pytest.raises(SourceError, match="cut short"):
        decode_image(bytes(data), "a")


def test_the_most_compressible_png_is_whole() -> None:
    assert decode_image(encode(np.zeros((3000, 3000, 3), np.uint8)), "a").shape == (3000, 3000, 3)


def test_bytes_after_the_end_of_a_jpeg_do_no_harm() -> None:
    assert decode_image(encode(noisy(), ".jpg") + b"motion photo", "a").shape == (40, 56, 3)


@pytest.mark.parametrize("data", [b"", b"hello, this is text", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM"])
def test_what_is_no_image_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"a\.png") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.png", tmp_path):
        with pytest.raises(SourceError, match="cannot read"):
            read_image(path)


SEEDS = [encode(noisy(9, 7), suffix) for suffix in (".png", ".jpg", ".bmp", ".webp", ".tif", ".ppm")]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=4)), max_size=6),
    length=st.integers(0, 4000),
)
def test_fuzzed_images_raise_nothing_but_source_errors(
    seed: bytes, changes: list[tuple[int, bytes]], length: int
) -> None:
    damaged = bytearray(seed)
    for position, value in changes:
        position %= len(damaged)
        damaged[position : position + len(value)] = value
    try:
        image = decode_image(bytes(damaged[:length] if length % 3 == 0 else damaged), "fuzzed")
    except SourceError:
        return
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3


@pytest.mark.parametrize("channels", [(), (3,), (4,)], ids=["grey", "RGB", "RGBA"])
def test_a_written_png_has_the_pixels_in_rgb_order(tmp_path: Path, channels: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, *channels), np.uint8)
    write_png(tmp_path / "a.png", pixels)
    with Image.open(tmp_path / "a.png") as written:
        np.testing.assert_array_equal(np.asarray(written), pixels)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_png_that_cannot_be_written_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises(OutputError, match="cannot write"):
        write_png(tmp_path / "gone" / "a.png", noisy())
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, None))
    with pytest.raises(OutputError, match="cannot encode PNG"):
        write_png(tmp_path / "a.png", noisy())
    assert (tmp_path / "a.png").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1
