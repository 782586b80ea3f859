"""Fits images of any size into frames of one size, as a video needs."""

import numpy as np
from numpy.typing import NDArray

from drc_runtime.preprocess import resize


def fit(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Fits ``(H, W, C)`` into ``size`` (height, width): pads a missing row or column, else scales and adds black bars."""
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
