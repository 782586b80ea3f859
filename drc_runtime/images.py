"""Image files: listing, decoding and writing. A truncated file is an error, never a partly grey image."""

import re
import struct
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.atomic import atomic_write
from drc_runtime.errors import OutputError, SourceError

Image = NDArray[np.uint8]
"""``(H, W, 3)`` uint8 RGB, if nothing else is said."""
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
DEFLATE_LIMIT = 1032  # the largest compression ratio that DEFLATE can reach


def list_images(folder: Path) -> list[Path]:
    """The image files of a folder, without subfolders, in natural order: frame2 before frame10.

    Raises:
        SourceError: the folder holds no image, or cannot be read.
    """
    try:
        # Hidden files are no results or photos: macOS leaves ._a.jpg, a killed run leaves .NAME.part.png.
        visible = [path for path in Path(folder).iterdir() if not path.name.startswith(".")]
        found = [path for path in visible if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    except OSError as error:
        raise SourceError(f"cannot read {folder}: {error.strerror}") from error
    if not found:
        raise SourceError(f"no images in {folder}: expected files ending in {', '.join(sorted(IMAGE_SUFFIXES))}")
    return sorted(found, key=lambda path: natural_key(path.name))


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """A sort key that compares runs of digits by value."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), part) if part.isascii() and part.isdigit() else (1, 0, part) for part in parts]


def read_image(path: Path) -> Image:
    """Reads an image as ``(H, W, 3)`` uint8 RGB. Applies the EXIF rotation, scales 16 bits to 8, drops alpha.

    Raises:
        SourceError: the file is missing, not an image, or truncated.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    return decode_image(data, str(path))


def decode_image(data: bytes, name: str) -> Image:
    """Decodes the bytes of an image file as ``read_image`` does; ``name`` is what the error calls it.

    Raises:
        SourceError: not an image, or truncated.
    """
    if not _is_whole(data):
        raise SourceError(f"{name} is cut short; copy or download it again")
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:
        decoded = None
    if decoded is None:
        raise SourceError(f"{name} is not an image that can be read")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def write_png(path: Path, image: Image) -> None:
    """Writes ``(H, W)`` grey, ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA, uint8, as PNG, atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    if image.ndim == 3:
        order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
        image = np.asarray(cv2.cvtColor(image, order), np.uint8)
    done, data = cv2.imencode(".png", image)
    if not done:
        raise OutputError(f"cannot write {path}: OpenCV cannot encode PNG on this machine; reinstall opencv-python")
    atomic_write(path, data.tobytes())


def _is_whole(data: bytes) -> bool:
    """Whether a JPEG or PNG has its end mark: older OpenCV fills the missing part with grey and reports no error."""
    if data.startswith(b"\xff\xd8\xff"):
        return data.find(b"\xff\xd9", _start_of_scan(data)) >= 0
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png_is_whole(data)
    return True


def _png_is_whole(data: bytes) -> bool:
    """Whether the chunks lead to the end mark and the header states no more pixels than the data can hold.

    Without this check OpenCV allocates gigabytes for a damaged length or header.
    """
    width, height, depth = struct.unpack_from(">IIB", data.ljust(25, b"\0"), 16)
    position = 8
    while data[position + 4 : position + 8] not in (b"IEND", b""):
        position += 12 + int.from_bytes(data[position : position + 4])
    return position + 12 <= len(data) and width * height * depth // 8 <= len(data) * DEFLATE_LIMIT


def _start_of_scan(data: bytes) -> int:
    """Offset of a JPEG's pixel data; a thumbnail before it has an end mark of its own."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != 0xDA:
        fill = data[position + 1] == 0xFF
        position += 1 if fill else 2 + int.from_bytes(data[position + 2 : position + 4])
    return position
