"""Baselines: OpenCV's GrabCut and background subtractors, and the best constant mask."""

from collections.abc import Callable, Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.errors import UsageError
from drc_runtime.images import Image
from drc_runtime.preprocess import resize
from drc_train.data.masks import binary

Segmenter = Callable[[Image], NDArray[np.uint8]]
"""An image ``(H, W, 3)`` uint8 RGB to a mask ``(H, W)`` uint8, 0 or 255."""

GRABCUT_INSET = 0.05
"""Margin between GrabCut's initial rectangle and each side of the image, as a fraction of the image."""
GRABCUT_ROUNDS = 5
CONSTANT_SIZE = 64
"""Height and width at which the best constant mask is searched."""


def grabcut(image: Image) -> NDArray[np.uint8]:
    """GrabCut (Rother et al., 2004) from a centred rectangle; an empty mask for an image of one colour."""
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
    except cv2.error:  # raised for an image of one colour
        return np.zeros((height, width), np.uint8)
    return np.where((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)


def baseline(name: str) -> Segmenter:
    """A new segmenter: ``grabcut`` for single images, ``mog2`` or ``knn`` for consecutive frames of a static camera.

    The background subtractors have OpenCV's defaults, without shadow detection.

    Raises:
        UsageError: the baseline is unknown.
    """
    if name == "grabcut":
        return grabcut
    if name == "mog2":
        return _subtractor(cv2.createBackgroundSubtractorMOG2(detectShadows=False))
    if name == "knn":
        return _subtractor(cv2.createBackgroundSubtractorKNN(detectShadows=False))
    raise UsageError(f"no baseline {name!r}: choose from grabcut, mog2, knn, constant")


def best_constant(truths: Iterable[NDArray[np.uint8]]) -> Segmenter:
    """A segmenter that returns the same mask for every image: the best threshold of the mean of all true masks.

    Twenty thresholds are tried (threshold 0 gives a full mask), and the mask with the highest mean IoU is taken. It is chosen
    by the truth, so a model that does not beat it has learned only where objects usually are.

    Args:
        truths: masks ``(H, W)`` uint8, foreground where above 127.
    """
    shape = CONSTANT_SIZE, CONSTANT_SIZE
    stack = [resize(binary(truth), shape) > 127 for truth in truths]
    small = np.stack([truth for truth in stack if truth.any()] or [np.ones(shape, bool)])
    share = small.mean(0)

    def mean_iou(mask: NDArray[np.bool_]) -> float:
        return float(((small & mask).sum((1, 2)) / (small | mask).sum((1, 2))).mean())

    best = max((share >= level for level in np.linspace(0, 0.95, 20)), key=mean_iou)
    mask = np.where(best, 255, 0).astype(np.uint8)
    return lambda image: binary(resize(mask, image.shape[:2]))


def _subtractor(subtractor: cv2.BackgroundSubtractor) -> Segmenter:
    return lambda image: np.asarray(subtractor.apply(cv2.cvtColor(image, cv2.COLOR_RGB2BGR)), np.uint8)
