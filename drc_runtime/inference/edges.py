"""Log-odds at the network's resolution -> twice that, along the frame's own edges: a guided filter."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.images import Image
from drc_runtime.preprocess import resize

SCALE = 2
"""The result has this many times the network's resolution; four times measured no better."""
RADIUS = 2
"""Of the filter's window there, in pixels: one pixel of the network's to each side."""
TEXTURE = np.float32(65.0)
"""Variance of grey levels that is texture rather than an edge: a standard deviation of 8."""


def follow_edges(log_odds: NDArray[np.float32], image: Image, largest: float) -> NDArray[np.float32]:
    """Scales log-odds up to ``SCALE`` times their resolution, so that their edges are where the image has some.

    In every window they are taken for a linear function of grey, found by least squares (He, Sun and Tang, Guided Image
    Filtering, 2010, Eqs. 5, 6 and 8).

    Args:
        log_odds: ``(h, w)``, of the image squeezed to that size.
        image: ``(H, W, 3)`` uint8 RGB.
        largest: log-odds beyond it are cut first, so that no pixel outweighs its neighbourhood, however certain it is.

    Returns:
        ``(SCALE h, SCALE w)``.
    """
    size = SCALE * log_odds.shape[1], SCALE * log_odds.shape[0]
    grey = np.asarray(cv2.cvtColor(resize(image, size[::-1]), cv2.COLOR_RGB2GRAY), np.float32)
    plane = np.asarray(
        cv2.resize(np.clip(log_odds, -largest, largest), size, interpolation=cv2.INTER_LINEAR), np.float32
    )
    grey_mean, plane_mean = _mean(grey), _mean(plane)
    covariance = _mean(grey * plane) - grey_mean * plane_mean
    slope = covariance / (_mean(grey * grey) - grey_mean * grey_mean + TEXTURE)
    offset = plane_mean - slope * grey_mean
    return _mean(slope) * grey + _mean(offset)


def _mean(plane: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(cv2.boxFilter(plane, -1, (2 * RADIUS + 1, 2 * RADIUS + 1)), np.float32)
