"""Image files: listing, decoding and writing. A truncated file is an error, never a partly grey image."""

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.atomic import atomic_write
from drc_runtime.colour_profile import to_srgb
from drc_runtime.errors import OutputError, SourceError
from drc_runtime.image_formats import IMAGE_SUFFIXES, READ, is_image_file, plain_png, read_header

Image = NDArray[np.uint8]
"""``(H, W, 3)`` uint8 RGB, if nothing else is said."""
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"})
OUT_OF_MEMORY = -4  # OpenCV's StsNoMem, whose name differs between its versions


def list_images(folder: Path) -> list[Path]:
    """The image files of a folder, without subfolders, in natural order: frame2 before frame10.

    Also those of formats that are not read, such as HEIC: reading one raises an error, so that it is named and counted.

    Raises:
        SourceError: the folder holds no image, or cannot be read.
    """
    try:
        # Hidden files are no results or photos: macOS leaves ._a.jpg, a killed run leaves .NAME.part.png.
        visible = [path for path in Path(folder).iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise SourceError(f"cannot read {folder}: {error.strerror}") from error
    found = [path for path in visible if is_listed(path)]
    if not found:
        raise SourceError(f"no images in {folder}; {_instead(Path(folder), visible)}")
    return sorted(found, key=lambda path: natural_key(path.name))


def clip_of(folder: Path) -> Path | None:
    """The clip of a folder that ``drc data draw`` wrote, with ``clip.mp4`` and ``masks``; None for a folder with images."""
    clip = folder / "clip.mp4"
    if not clip.is_file() or not (folder / "masks").is_dir() or (folder / "images").is_dir():
        return None
    return None if any(is_listed(path) for path in folder.iterdir() if not path.name.startswith(".")) else clip


def _instead(folder: Path, visible: list[Path]) -> str:
    """What a folder without images is, in words, with the way out."""
    if (folder / "manifest.json").is_file():
        return "it is a bundle; name it with --model, and images or a video as SOURCE"
    if (folder / "images").is_dir():
        return f"name the folder {folder / 'images'}"
    videos = [path for path in visible if path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES]
    if videos:
        return f"it holds {len(videos)} videos, of which one is named at a time, such as {videos[0]}"
    return f"the formats that are read: {', '.join(READ)}"


def is_listed(path: Path) -> bool:
    """Whether a path is a file that says it is an image, by its suffix or by its first bytes; it may be of a kind not read."""
    try:
        return path.is_file() and (path.suffix.lower() in IMAGE_SUFFIXES | {".gif"} or is_image_file(path))
    except OSError:
        return False


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """A sort key that compares runs of digits by value."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), part) if part.isascii() and part.isdigit() else (1, 0, part) for part in parts]


def read_image(path: Path | str) -> Image:
    """Reads an image as ``(H, W, 3)`` uint8 RGB in sRGB.

    Applies the EXIF rotation and the colour profile, scales 16 bits to 8, drops alpha.

    Raises:
        SourceError: as ``decode_image``, or the file is missing.
        UsageError: the environment variable ``DRC_MAX_PIXELS`` is not a number that is possible.
    """
    return decode_image(read_bytes(Path(path)), str(path))


def read_bytes(path: Path) -> bytes:
    """The content of a file that is an image.

    Raises:
        SourceError: it is missing, not a plain file, or cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise SourceError(f"cannot read {path}: it is not a file")
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    except MemoryError as error:
        raise SourceError(f"cannot read {path}: it does not fit into memory") from error


def decode_image(data: bytes, name: str) -> Image:
    """Decodes the bytes of an image file as ``read_image`` does; ``name`` is what the error calls it.

    Raises:
        SourceError: not an image, one of a format that is not read, truncated, or too large (see ``read_header``).
        UsageError: the environment variable ``DRC_MAX_PIXELS`` is not a number that is possible.
    """
    header = read_header(data, name)
    problem = f"its {header.format} data is damaged, or of a kind that is not read; convert it to PNG"
    try:
        encoded = np.frombuffer(plain_png(data) if header.format == "PNG" else data, np.uint8)
        decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        if decoded is None:
            raise SourceError(f"{name} cannot be decoded: {problem}")
        image = np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB, dst=decoded), np.uint8)
        return image if header.profile is None else to_srgb(image, header.profile)
    except (cv2.error, MemoryError) as error:
        if isinstance(error, MemoryError) or getattr(error, "code", None) == OUT_OF_MEMORY:
            size = f"{header.width}x{header.height} pixels"
            raise SourceError(f"{name} does not fit into memory: {size}; scale it down") from error
        raise SourceError(f"{name} cannot be decoded: {problem}") from error


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
