"""What an image file is, is decided by its content; what is not read is named; what is too large is refused before decoding."""

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drc_runtime.errors import SourceError, UsageError
from drc_runtime.image_formats import (
    MAX_PIXELS,
    READ,
    REFUSED,
    VARIABLE,
    format_of,
    is_image_file,
    plain_png,
    read_header,
)
from drc_runtime.images import decode_image, list_images, read_image

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
PILLOW = {
    "JPEG": ("JPEG", {}),
    "PNG": ("PNG", {}),
    "WebP": ("WEBP", {}),
    "WebP, lossless": ("WEBP", {"lossless": True}),
    "WebP, with EXIF": ("WEBP", {"exif": Image.Exif().tobytes()}),
    "TIFF": ("TIFF", {}),
    "TIFF, LZW": ("TIFF", {"compression": "tiff_lzw"}),
    "TIFF, big": ("TIFF", {"big_tiff": True}),
    "BMP": ("BMP", {}),
    "PPM": ("PPM", {}),
    "JPEG 2000": ("JPEG2000", {}),
    "GIF": ("GIF", {}),
}
HEADS = {
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "AVIF": b"\0\0\0\x1cftypavif\0\0\0\0mif1avif",
    "JPEG XL": b"\xff\x0a\x10\x10" + bytes(20),
    "Photoshop": b"8BPS\0\1" + bytes(20),
    "camera raw": b"II*\0\x10\0\0\0CR\2\0" + bytes(20),
}


def encoded(kind: str, pixels: np.ndarray = PIXELS, **options: object) -> bytes:
    name, more = PILLOW[kind]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, name, **more, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", PILLOW)
def test_the_header_of_every_format_that_is_read(kind: str) -> None:
    header = read_header(encoded(kind), "a")
    assert header == (kind.partition(",")[0], 40, 24, None)
    assert header.format in READ


@pytest.mark.parametrize("suffix", [".jpg", ".jfif", ".png", ".mp4", ".txt", ""])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "TIFF", "BMP", "PPM"])
def test_the_content_decides_and_not_the_suffix(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(encoded(kind))
    assert is_image_file(path) and list_images(tmp_path) == [path]
    assert read_image(path).shape == PIXELS.shape


@pytest.mark.parametrize(
    ("name", "content", "image"),
    [
        ("a.jpg", b"no image", True),  # so that reading it names it
        ("a.jfif", b"", True),
        ("a.txt", b"no image", False),
        ("a.jpg", b"\0\0\0\x20ftypisom" + bytes(20), False),
        ("a.mjpeg", encoded("JPEG"), False),
        ("a.png", b"RIFF\0\0\0\0AVI LIST", False),
        ("a.gif", encoded("GIF"), True),
        ("a.txt", b"BM is how this text begins, and it is no bitmap", False),
    ],
)
def test_where_the_content_says_nothing_the_suffix_decides(
    tmp_path: Path, name: str, content: bytes, image: bool
) -> None:
    (tmp_path / name).write_bytes(content)
    assert is_image_file(tmp_path / name) is image


def test_a_gif_that_moves_is_a_video_and_named_in_a_folder(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(PIXELS, index, 0)) for index in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert not is_image_file(tmp_path / "a.gif")
    (path,) = list_images(tmp_path)
    with pytest.raises(SourceError, match="a.gif is an animation.*as a video"):
        read_image(path)


@pytest.mark.parametrize("suffix", [".jpg", ".heic", ".xyz"])
@pytest.mark.parametrize("kind", HEADS)
def test_what_is_not_read_is_listed_and_named_with_a_way_out(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(HEADS[kind])
    assert format_of(HEADS[kind]) == kind and is_image_file(path) and list_images(tmp_path) == [path]
    with pytest.raises(SourceError) as caught:
        read_image(path)
    assert str(caught.value) == f"{path} is an image of the kind {kind}, which is not read: {REFUSED[kind]}"


@pytest.mark.parametrize("tags", [{254: 1, 330: 8}, {50706: 1}, {33421: 2}])
def test_a_tiff_whose_first_image_is_a_preview_is_a_camera_s_raw_file(tags: dict[int, int]) -> None:
    tags = {256: 16, 257: 12, **tags}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    with pytest.raises(SourceError, match="camera raw, which is not read: develop"):
        read_header(b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4), "a.tif")


def bomb(kind: str, width: int, height: int) -> bytes:
    """A small file whose header promises that many pixels."""
    data = bytearray(encoded(kind))
    if kind == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", height, width)
    elif kind == "PNG":
        data = bytearray(encoded(kind, np.zeros((24, 40, 3), np.uint8)))
        data[16:24] = struct.pack(">II", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        chunk = b"IDAT" + bytes(width * height * 3 // 1000)
        data[-12:-12] = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", width, height)
    elif kind == "PPM":
        data = bytearray(b"P6\n%d %d\n255\n" % (width, height))
    elif kind == "TIFF":
        data = bytearray(b"II*\0\x08\0\0\0\2\0" + struct.pack("<HHII", 256, 4, 1, width))
        data += struct.pack("<HHIII", 257, 4, 1, height, 0)
    elif kind == "WebP, lossless":
        bits = int.from_bytes(data[21:25], "little") & ~0xFFFFFFF
        data[21:25] = (bits | (width - 1) | (height - 1) << 14).to_bytes(4, "little")
    elif kind == "WebP":
        at = data.index(b"VP8 ") + 14
        data[at : at + 4] = struct.pack("<HH", width, height)
    elif kind == "GIF":
        data[6:10] = struct.pack("<HH", width, height)
    elif kind == "JPEG 2000":
        at = data.index(b"ihdr") + 4
        data[at : at + 8] = struct.pack(">II", height, width)
    return bytes(data)


@pytest.mark.parametrize(
    "kind", [kind for kind in PILLOW if "LZW" not in kind and "big" not in kind and "EXIF" not in kind]
)
def test_a_small_file_that_promises_many_pixels_is_refused_before_it_is_decoded(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = 16000  # 256 million pixels; the formats' own limits are higher
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(SourceError, match=rf"a says {side}x{side} pixels.* set {VARIABLE}={side * side} to read it"):
        decode_image(bomb(kind, side, side), "a")


def test_the_bound_is_raised_by_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded("PNG")
    monkeypatch.setenv(VARIABLE, "959")
    with pytest.raises(SourceError, match=f"40x24 pixels, more than the 959 that are read.* set {VARIABLE}=960"):
        decode_image(data, "a")
    monkeypatch.setenv(VARIABLE, "960")
    assert decode_image(data, "a").shape == PIXELS.shape
    monkeypatch.setenv(VARIABLE, "")
    assert decode_image(data, "a").shape == PIXELS.shape
    assert MAX_PIXELS >= 16320 * 12240  # the largest phones


@pytest.mark.parametrize("value", ["many", "0", "-5", "1e9", "²", str(1 << 31), "9" * 5000])
def test_a_bound_that_is_none_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(UsageError, match=f"{VARIABLE}=.*give a number of pixels from 1 to 1073741824"):
        decode_image(encoded("PNG"), "a")


@pytest.mark.parametrize("size", [(33000, 33000), (1 << 21, 1)])
def test_what_opencv_itself_refuses_is_said_to_be_too_large(size: tuple[int, int]) -> None:
    with pytest.raises(SourceError, match="more than can be decoded .*scale it down"):
        decode_image(bomb("PPM", *size), "a")


def test_a_png_says_nothing_on_the_terminal_through_libpng(tmp_path: Path) -> None:
    """libpng prints the name of a damaged profile, escapes and all."""
    chunk = b"iCCP" + b"\x1b]0;owned\x07\ndrc: all is well\0\0" + zlib.compress(b"no profile" * 20)
    text = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data = encoded("PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data[:33] + text + data[33:])
    program = "import sys, pathlib; from drc_runtime.images import read_image; print(read_image(pathlib.Path(sys.argv[1])).shape)"
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
    )
    assert (done.stdout, done.stderr) == (b"(24, 40, 3)\n", b"")
    np.testing.assert_array_equal(read_image(path), PIXELS)


def test_what_decides_a_png_s_pixels_stays() -> None:
    for kind in (encoded("PNG"), encoded("PNG", PIXELS[..., 0])):
        assert plain_png(kind) == kind
    palette = io.BytesIO()
    Image.fromarray(PIXELS).quantize(16).save(palette, "PNG", transparency=3)
    assert plain_png(palette.getvalue()) == palette.getvalue()
