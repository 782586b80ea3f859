"""Images as files."""

from collections.abc import Mapping
from pathlib import Path

import cv2

from drc_runtime.atomic import atomic_write
from drc_runtime.errors import OutputError
from drc_runtime.images import Image


def write_images(folder: Path, images: Mapping[str, Image]) -> list[Path]:
    """Writes each image, RGB or ``(H, W)`` grey, as ``NAME.png`` into a folder, made if need be.

    Raises:
        OutputError: the disk refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}; choose another place") from error
    for name, image in images.items():
        atomic_write(
            folder / f"{name}.png",
            cv2.imencode(".png", image[..., ::-1] if image.ndim == 3 else image)[1].tobytes(),
        )
    return [folder / f"{name}.png" for name in images]
