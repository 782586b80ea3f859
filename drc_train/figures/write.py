"""Figures as PNG files."""

from collections.abc import Mapping
from pathlib import Path

from drc_runtime.errors import OutputError
from drc_runtime.images import Image, write_png


def write_images(folder: Path, images: Mapping[str, Image]) -> list[Path]:
    """Writes each image, ``(H, W, 3)`` RGB or ``(H, W)`` grey uint8, as ``NAME.png`` into a folder, made if needed.

    Returns:
        The files, in the mapping's order.

    Raises:
        OutputError: the disk refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}; choose another place") from error
    files = {folder / f"{name}.png": image for name, image in images.items()}
    for path, image in files.items():
        write_png(path, image)
    return list(files)
