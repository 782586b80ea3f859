"""What people would otherwise take, through the same metric: OpenCV's GrabCut and background subtractors, a constant mask."""

from collections.abc import Callable, Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.errors import UsageError
from drc_runtime.images import Image
from drc_runtime.preprocess import resize

Segment = Callable[[Image], NDArray[np.uint8]]

GRABCUT_INSET = 0.05
"""The rectangle that GrabCut starts from leaves out this part of the image at each side."""
GRABCUT_ROUNDS = 5
CONSTANT_SIZE = 64
"""Height and width at which the best constant mask is looked for."""


def grabcut(image: Image) -> NDArray[np.uint8]:
    """GrabCut from a centred rectangle: ``(H, W, 3)`` uint8 RGB to a mask ``(H, W)`` of 0 and 255."""
    height, width = image.shape[:2]
    left, top = round(width * GRABCUT_INSET), round(height * GRABCUT_INSET)
    labels = np.zeros((height, width), np.uint8)
    box = (left, top, max(width - 2 * left, 1), max(height - 2 * top, 1))
    try:
        cv2.setRNGSeed(0)
        cv2.grabCut(
            cv2.cvtColor(image, cv2.COLOR_RGB2BGR),
            labels,
            box,
            np.zeros((1, 65)),
            np.zeros((1, 65)),
            GRABCUT_ROUNDS,
            cv2.GC_INIT_WITH_RECT,
        )
    except cv2.error:  # an image of one colour has no two regions
        return np.zeros((height, width), np.uint8)
    return np.where((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)


def baseline(name: str) -> Segment:
    """A fresh segmenter: ``grabcut`` for single images, ``mog2`` or ``knn`` for the frames of a static camera, in order.

    The subtractors run with OpenCV's defaults, shadows off.

    Raises:
        UsageError: no such baseline.
    """
    if name == "grabcut":
        return grabcut
    if name == "mog2":
        return _subtractor(cv2.createBackgroundSubtractorMOG2(detectShadows=False))
    if name == "knn":
        return _subtractor(cv2.createBackgroundSubtractorKNN(detectShadows=False))
    raise UsageError(f"no baseline {name!r}: choose from grabcut, mog2, knn, constant")


def best_constant(truths: Iterable[NDArray[np.uint8]]) -> Segment:
    """A segmenter that answers every image with one mask, the best of those that the mean of all truths gives.

    The mean is cut at twenty levels (level 0 is a mask of everything); the one with the highest mean IoU stays. It has seen
    the truth, so what does not beat it has learned no more than where objects tend to be.

    Args:
        truths: masks ``(H, W)`` uint8, foreground where above 127.
    """
    shape = CONSTANT_SIZE, CONSTANT_SIZE
    stack = [resize(np.where(truth > 127, 255, 0).astype(np.uint8), shape) > 127 for truth in truths]
    small = np.stack([truth for truth in stack if truth.any()] or [np.ones(shape, bool)])
    share = small.mean(0)

    def mean_iou(mask: NDArray[np.bool_]) -> float:
        return float(((small & mask).sum((1, 2)) / (small | mask).sum((1, 2))).mean())

    best = max((share >= level for level in np.linspace(0, 0.95, 20)), key=mean_iou)
    mask = np.where(best, 255, 0).astype(np.uint8)
    return lambda image: np.where(resize(mask, image.shape[:2]) > 127, 255, 0).astype(np.uint8)


def _subtractor(subtractor: cv2.BackgroundSubtractor) -> Segment:
    return lambda image: np.asarray(subtractor.apply(cv2.cvtColor(image, cv2.COLOR_RGB2BGR)), np.uint8)
