"""Images with a colour profile look as they do elsewhere; images without one keep every level."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from drc_runtime.images import decode_image

COLOURS = np.uint8([[[255, 160, 60], [60, 180, 120], [200, 200, 200], [180, 90, 90], [10, 20, 30], [128, 128, 128]]])
PIXELS = np.repeat(np.repeat(COLOURS, 16, 0), 16, 1)


def profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    at, table, data = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        data += b"\0" * (-len(data) % 4)
        table += name + struct.pack(">II", at + len(data), len(value))
        data += value
    head = struct.pack(">I4sI4s4s4s", at + len(data), b"none", 0x04000000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + xyz(0.9642, 1, 0.8249)[8:]
    return head.ljust(128, b"\0") + table + data


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256)) + b"\0\0"


SRGB_CURVE = b"para\0\0\0\0\0\3\0\0" + b"".join(
    struct.pack(">i", round(value * 65536)) for value in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
)
TEXT = b"mluc\0\0\0\0" + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", 2, 28) + b"\0p"
WHITE = {b"desc": TEXT, b"cprt": TEXT, b"wtpt": xyz(0.9642, 1, 0.8249)}
P3 = profile(
    b"RGB ",
    WHITE
    | {b"rXYZ": xyz(0.51512, 0.24120, -0.00105), b"gXYZ": xyz(0.29198, 0.69225, 0.04189)}
    | {b"bXYZ": xyz(0.15710, 0.06657, 0.78407), b"rTRC": SRGB_CURVE, b"gTRC": SRGB_CURVE, b"bTRC": SRGB_CURVE},
)
GREY_LINEAR = profile(b"GRAY", WHITE | {b"kTRC": gamma(1.0)})
CMYK = profile(b"CMYK", WHITE)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encoded(kind: str, icc: bytes | None, pixels: np.ndarray = PIXELS) -> bytes:
    buffer = io.BytesIO()
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    Image.fromarray(pixels).save(buffer, kind, icc_profile=icc, **options)
    return buffer.getvalue()


def in_srgb(pixels: np.ndarray, icc: bytes) -> np.ndarray:
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    found = ImageCms.profileToProfile(Image.fromarray(pixels), source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return np.asarray(found).astype(int)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_display_p3_becomes_srgb(kind: str) -> None:
    expected = in_srgb(PIXELS, P3)
    assert np.abs(expected - PIXELS).max() > 10
    found = decode_image(encoded(kind, P3), "a").astype(int)
    assert np.abs(found - expected).max() <= (3 if kind == "JPEG" else 0)
    np.testing.assert_array_equal(found, in_srgb(decode_image(encoded(kind, None), "a"), P3))


def test_a_grey_profile_is_applied_to_grey() -> None:
    grey = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    found = decode_image(encoded("PNG", GREY_LINEAR, grey), "a")
    np.testing.assert_array_equal(found, in_srgb(grey, GREY_LINEAR))
    assert found[0, 55, 0] > 120  # linear light 0.21 is mid-grey


@pytest.mark.parametrize("icc", [None, SRGB, b"no profile", P3[:200], CMYK])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_without_a_profile_with_srgb_and_with_a_broken_one_no_level_changes(kind: str, icc: bytes | None) -> None:
    np.testing.assert_array_equal(
        decode_image(encoded(kind, icc), "a"), decode_image(encoded(kind, None), "a"), strict=True
    )


def test_the_rotation_of_a_profiled_image_is_applied_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "JPEG", quality=100, subsampling=0, icc_profile=P3, exif=exif)
    found = decode_image(buffer.getvalue(), "a").astype(int)
    assert np.abs(found - np.rot90(in_srgb(PIXELS, P3), -1)).max() <= 3
