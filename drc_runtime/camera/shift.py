"""How far a camera has moved: the least squares of Lucas and Kanade (1981) over the whole picture, robust."""

import cv2
import numpy as np

from drc_runtime.camera.pictures import Array, grey_plane, shifted

ROUNDS = 3
KNEE = 12.0
"""Grey levels: residuals above it weigh as their inverse."""
FARTHEST = 4.0
"""Pixels of the network; a camera that has moved farther shows another scene."""
GRID = 64
"""Shifts are whole multiples of 1/64 pixel: what two builds of OpenCV round differently ends at the same shift."""
BORDER = 3
"""Pixels at the edge that are left out: what lies beyond it is not known."""


def find_shift(background: Array, image: Array, sure: Array) -> tuple[float, float, float]:
    """The shift in pixels, x to the right and y down, by which the frame shows the background, and how much it explains.

    Args:
        background: ``(h, w, 3)`` under the frame's light, in grey levels.
        image: the frame, likewise.
        sure: ``(h, w)`` in [0, 1], how sure a pixel is background.

    Returns:
        x, y, and the share of the residual that is left with them.
    """
    known, seen = _smooth(background), _smooth(image)
    inside = sure.copy()
    inside[:BORDER] = inside[-BORDER:] = 0
    inside[:, :BORDER] = inside[:, -BORDER:] = 0
    x = y = 0.0
    for _ in range(ROUNDS):
        moved = shifted(known, x, y)
        across = cv2.Sobel(moved, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
        down = cv2.Sobel(moved, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
        residual = seen - moved
        weight = inside / np.maximum(np.abs(residual), np.float32(KNEE))
        wx, wy = weight * across, weight * down
        a, b, c = _sum(wx * across) + 1, _sum(wx * down), _sum(wy * down) + 1
        p, q = _sum(wx * residual), _sum(wy * residual)
        determinant = a * c - b * b
        x = float(np.clip(x - (c * p - b * q) / determinant, -FARTHEST, FARTHEST))
        y = float(np.clip(y - (a * q - b * p) / determinant, -FARTHEST, FARTHEST))
    x, y = (round(GRID * it) / GRID for it in (x, y))
    before, after = (
        _sum(inside * np.minimum(np.abs(seen - picture), np.float32(KNEE))) for picture in (known, shifted(known, x, y))
    )
    return x, y, after / max(before, 1e-6)


def _smooth(picture: Array) -> Array:
    return np.asarray(cv2.GaussianBlur(grey_plane(picture), (0, 0), 1.0), np.float32)


def _sum(values: Array) -> float:
    return float(values.sum(dtype=np.float64))
