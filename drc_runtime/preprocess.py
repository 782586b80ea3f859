"""Picture <-> network tensor: the one code path, used by training, by the export's checks and by the runtime.

Pictures are ``(H, W, 3)`` uint8 RGB. Tensors are ``(3, H, W)`` float32 in [-1, 1] (the range of the generators' tanh).
"""

import re
import struct
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.errors import SourceError

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})

DEFLATE_LIMIT = 1032  # no data grow by more when they are unpacked

Picture = NDArray[np.uint8]


def list_pictures(folder: Path) -> list[Path]:
    """The pictures of a folder (not of its subfolders) in natural order: frame2 before frame10.

    Raises:
        SourceError: the folder holds no picture, or cannot be read.
    """
    try:
        # Hidden files are not the user's pictures: macOS leaves ._a.jpg, a killed run its unfinished .part.png.
        visible = [path for path in Path(folder).iterdir() if not path.name.startswith(".")]
        found = [path for path in visible if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()]
    except OSError as error:
        raise SourceError(f"cannot read {folder}: {error.strerror}") from error
    if not found:
        raise SourceError(f"no pictures in {folder}: expected files ending in {', '.join(sorted(PICTURE_SUFFIXES))}")
    return sorted(found, key=lambda path: natural_key(path.name))


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """A sort key that orders runs of digits by their value."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), part) if part.isascii() and part.isdigit() else (1, 0, part) for part in parts]


def read_picture(path: Path) -> Picture:
    """Reads a picture as ``(H, W, 3)`` uint8 RGB: EXIF rotation applied, 16 bits scaled to 8, alpha dropped.

    Raises:
        SourceError: the file is missing, not a picture, or cut short.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    return decode_picture(data, str(path))


def decode_picture(data: bytes, name: str) -> Picture:
    """Decodes an encoded picture as ``read_picture`` does; ``name`` stands in the error.

    Raises:
        SourceError: not a picture, or cut short.
    """
    if not _is_whole(data):
        raise SourceError(f"{name} is cut short; copy or download it again")
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:
        decoded = None
    if decoded is None:
        raise SourceError(f"{name} is not a picture that can be read")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def _is_whole(data: bytes) -> bool:
    """Older OpenCV fills the missing rest of a truncated file with grey and reports success: look for the end here."""
    if data.startswith(b"\xff\xd8\xff"):
        return data.find(b"\xff\xd9", _start_of_scan(data)) >= 0
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png_is_whole(data)
    return True


def _png_is_whole(data: bytes) -> bool:
    """Whether the chunks reach the end mark within the data, and the data can hold the pixels that the header states.

    OpenCV reserves gigabytes, and takes seconds, for what a damaged length or header promises.
    """
    width, height, depth = struct.unpack_from(">IIB", data.ljust(25, b"\0"), 16)
    position = 8
    while data[position + 4 : position + 8] not in (b"IEND", b""):
        position += 12 + int.from_bytes(data[position : position + 4])
    return position + 12 <= len(data) and width * height * depth // 8 <= len(data) * DEFLATE_LIMIT


def _start_of_scan(data: bytes) -> int:
    """Where a JPEG's pixels begin; a thumbnail before them has an end marker of its own."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != 0xDA:
        fill = data[position + 1] == 0xFF
        position += 1 if fill else 2 + int.from_bytes(data[position + 2 : position + 4])
    return position


def to_tensor(picture: Picture, size: tuple[int, int]) -> NDArray[np.float32]:
    """Scales a picture to ``size`` (height, width), whatever its aspect ratio: ``(3, H, W)`` float32 in [-1, 1].

    Area averaging where the picture shrinks (no aliasing), bilinear where it grows.
    """
    scaled = resize(picture, size)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32) / np.float32(127.5) - np.float32(1)


def resize(picture: Picture, size: tuple[int, int]) -> Picture:
    """Scales to ``size`` (height, width): area averaging where a side shrinks, then bilinear where one grows."""
    for method, (height, width) in (
        (cv2.INTER_AREA, (min(size[0], picture.shape[0]), min(size[1], picture.shape[1]))),
        (cv2.INTER_LINEAR, size),
    ):
        if picture.shape[:2] != (height, width):
            picture = np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8)
    return picture


def to_picture(tensor: NDArray[np.float32]) -> Picture:
    """``(3, H, W)`` in [-1, 1] to ``(H, W, 3)`` uint8 RGB; values outside are clipped."""
    values = (tensor.transpose(1, 2, 0) + np.float32(1)) * np.float32(127.5)
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
