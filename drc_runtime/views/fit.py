"""An image into a video's frame, whose size the first image has set."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drc_runtime.preprocess import resize


def fit(image: NDArray[np.uint8], size: tuple[int, int]) -> Any:
    """Pads to ``size`` (height, width) where a row or a column is missing, scales and letterboxes otherwise."""
    height, width = size
    rows, columns = height - image.shape[0], width - image.shape[1]
    if rows == columns == 0:
        return image
    if rows in (0, 1) and columns in (0, 1):
        return np.pad(image, ((0, rows), (0, columns), (0, 0)), mode="edge")
    scale = min(height / image.shape[0], width / image.shape[1])
    inner = (max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale)))
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    fitted = np.zeros((height, width, image.shape[2]), np.uint8)
    fitted[top : top + inner[0], left : left + inner[1]] = resize(image, inner)
    return fitted
