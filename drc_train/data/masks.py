"""Mask files: how a PNG of grey levels becomes a binary mask."""

from pathlib import Path

import cv2
import numpy as np

from drc_runtime.errors import SourceError
from drc_runtime.images import Image


def read_mask(path: Path) -> Image:
    """Reads a mask ``(H, W)`` uint8, 0 or 255: foreground where the file's grey level is 128 or more.

    Raises:
        SourceError: the file is missing, empty or not an image.
    """
    try:
        data = path.read_bytes()
        grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    except cv2.error:
        grey = None
    if grey is None:
        raise SourceError(f"{path} is not a mask that can be read; expected an 8-bit PNG with the levels 0 and 255")
    return binary(np.asarray(grey, np.uint8))


def binary(grey: Image) -> Image:
    """255 where a grey level is 128 or more, else 0; any shape, uint8."""
    return np.where(grey >= 128, 255, 0).astype(np.uint8)
