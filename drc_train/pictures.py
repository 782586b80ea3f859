"""Pictures as files."""

from collections.abc import Mapping
from pathlib import Path

import cv2

from drc_runtime.atomic import atomic_write
from drc_runtime.errors import OutputError
from drc_runtime.preprocess import Picture


def write_pictures(folder: Path, pictures: Mapping[str, Picture]) -> list[Path]:
    """Writes each picture, RGB or ``(H, W)`` grey, as ``NAME.png`` into a folder, made if need be.

    Raises:
        OutputError: the disk refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}; choose another place") from error
    for name, picture in pictures.items():
        atomic_write(
            folder / f"{name}.png",
            cv2.imencode(".png", picture[..., ::-1] if picture.ndim == 3 else picture)[1].tobytes(),
        )
    return [folder / f"{name}.png" for name in pictures]
