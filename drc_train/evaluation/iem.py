"""Inpainting error maximisation (Savarese et al., CVPR 2021): a mask without a model, from one image alone.

A region and the rest should not predict each other. Each is painted in from the other by a normalised Gaussian blur, and the mask
climbs the sum of both errors, each per pixel of its region (their criterion without its term for the regions' diversity).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.images import Image
from drc_runtime.preprocess import resize
from drc_train.data.masks import binary

Array = NDArray[np.float32]

SIZE = 64
"""Height and width at which the mask is searched."""
ROUNDS = 150
SIGMA = 2.5
"""Standard deviation of the blur at 64 pixels; it grows with the size."""
INSET = 1 / 6
"""Margin of the centred square at which the mask starts, as a fraction of the image."""
_SMALLEST_WEIGHT = 1e-3
"""Least weight of a painted pixel: farther from the other region there is nothing to paint it from."""


def iem(image: Image, size: int = SIZE) -> NDArray[np.uint8]:
    """The mask ``(H, W)`` uint8, 0 or 255, of an image ``(H, W, 3)`` uint8 RGB, searched at ``size``."""
    mask = maximise(np.asarray(resize(image, (size, size)), np.float32) / 127.5 - 1)
    return binary(resize(np.where(mask, 255, 0).astype(np.uint8), image.shape[:2]))


def maximise(pixels: Array) -> NDArray[np.bool_]:
    """Climbs from the centred square: pixels along the outline change sides as the gradient says, then the outline is smoothed.

    Args:
        pixels: ``(S, S, 3)``; only the ratio of their differences matters.

    Returns:
        The foreground ``(S, S)`` with the highest sum of errors on the way.
    """
    size = len(pixels)
    mask = np.zeros((size, size), np.float32)
    inset = round(size * INSET)
    mask[inset : size - inset, inset : size - inset] = 1
    best, highest, last = mask, -np.inf, [mask, mask]
    ring = np.ones((3, 3), np.uint8)
    for _ in range(ROUNDS):
        first, upwards = inpainting_error(pixels, mask)
        second, downwards = inpainting_error(pixels, 1 - mask)
        if first + second > highest:
            best, highest = mask, first + second
        outline = cv2.dilate(mask, ring) != cv2.erode(mask, ring)
        moved = np.where(outline, upwards > downwards, mask > 0).astype(np.float32)
        mask = (cv2.blur(moved, (3, 3)) > 0.5).astype(np.float32)
        if not 0 < mask.mean() < 1 or any(np.array_equal(mask, earlier) for earlier in last):
            break  # one region is gone, or the search has come to rest or goes to and fro
        last = [last[1], mask]
    return best > 0


def inpainting_error(pixels: Array, region: Array) -> tuple[float, Array]:
    """The mean error of painting a region in from the rest of the image, and its gradient.

    Args:
        pixels: ``(S, S, 3)``.
        region: ``(S, S)``, 1 inside and 0 outside.

    Returns:
        The sum over channels of absolute differences, a pixel of the region; its derivative by ``region``, while the rest stays
        the complement: ``(S, S)``.
    """
    rest, area = 1 - region, max(float(region.sum()), 1.0)
    weight = np.maximum(_blur(rest, len(pixels)), _SMALLEST_WEIGHT)[:, :, None]
    painted = _blur(pixels * rest[:, :, None], len(pixels)) / weight
    distance = np.abs(pixels - painted).sum(2)
    error = float((region * distance).sum()) / area
    # the blur has zeros around it, so that it is its own transpose
    slope = np.asarray(np.sign(painted - pixels) * region[:, :, None] / (area * weight), np.float32)
    through = _blur(np.asarray((slope * painted).sum(2), np.float32), len(pixels)) - (
        pixels * _blur(slope, len(pixels))
    ).sum(2)
    return error, np.asarray((distance - error) / area + through, np.float32)


def _blur(plane: Array, size: int) -> Array:
    sigma = SIGMA * size / 64
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT), np.float32)
