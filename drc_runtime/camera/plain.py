"""Foreground without a model: what the background cannot explain. The exported step with its generator off computes the same."""

import cv2
import numpy as np

from drc_runtime.camera.background import LEAST_SCALE
from drc_runtime.camera.pictures import Array, over_channels

SHADOW_WEIGHT = 0.0025
SHADOW_SCALE = 1.5
"""Grey levels."""
DARKEST = 0.4
"""The smallest gain of a shadow."""
WINDOW = 3
"""Pixels, the side of the square in which the gain of a shadow is one number."""
PRIOR = -1.0
"""Log-odds of foreground before a pixel is seen."""


def plain_log_odds(image: Array, background: Array, scale: Array) -> Array:
    """Log-odds of a uniform foreground against the background or its shadow.

    Args:
        image: ``(h, w, 3)`` in grey levels.
        background: likewise, under the image's light.
        scale: ``(h, w)`` in grey levels.

    Returns:
        ``(h, w)`` float32.
    """
    scale = np.maximum(scale, np.float32(LEAST_SCALE))
    lit = _laplace(over_channels(np.abs(image - background)), scale)
    gain = local_gain(image, background)
    shadow = _laplace(over_channels(np.abs(image - gain[..., None] * background)), np.float32(SHADOW_SCALE))
    explained = np.logaddexp(lit + np.log(1 - SHADOW_WEIGHT), shadow + np.log(SHADOW_WEIGHT))
    return np.asarray(PRIOR - 3 * np.log(2) - explained, np.float32)


def local_gain(image: Array, background: Array) -> Array:
    """The darkening of each pixel's neighbourhood by least squares, ``(h, w)`` in [``DARKEST``, 1]."""

    def mean(product: Array) -> Array:
        return np.asarray(
            cv2.boxFilter(over_channels(product), -1, (WINDOW, WINDOW), borderType=cv2.BORDER_CONSTANT), np.float32
        )

    gain = mean(image * background) / (mean(background * background) + np.float32(1e-6 * 127.5**2))
    return np.asarray(np.clip(gain, DARKEST, 1), np.float32)


def _laplace(difference: Array, scale: Array | np.float32) -> Array:
    # in the network's unit, 127.5 grey levels, so that log-densities are those of the exported step
    return np.asarray(-difference / scale - 3 * np.log(2 * scale / np.float32(127.5)), np.float32)
