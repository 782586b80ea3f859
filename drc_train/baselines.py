"""What people would otherwise take, through the same metric: OpenCV's GrabCut and background subtractors."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.errors import UsageError
from drc_runtime.preprocess import Picture

Segment = Callable[[Picture], NDArray[np.uint8]]

GRABCUT_INSET = 0.05
"""The rectangle that GrabCut starts from leaves out this part of the picture at each side."""
GRABCUT_ROUNDS = 5


def grabcut(picture: Picture) -> NDArray[np.uint8]:
    """GrabCut from a centred rectangle: ``(H, W, 3)`` uint8 RGB to a mask ``(H, W)`` of 0 and 255."""
    height, width = picture.shape[:2]
    left, top = round(width * GRABCUT_INSET), round(height * GRABCUT_INSET)
    labels = np.zeros((height, width), np.uint8)
    box = (left, top, max(width - 2 * left, 1), max(height - 2 * top, 1))
    try:
        cv2.setRNGSeed(0)
        cv2.grabCut(
            cv2.cvtColor(picture, cv2.COLOR_RGB2BGR),
            labels,
            box,
            np.zeros((1, 65)),
            np.zeros((1, 65)),
            GRABCUT_ROUNDS,
            cv2.GC_INIT_WITH_RECT,
        )
    except cv2.error:  # a picture of one colour has no two regions
        return np.zeros((height, width), np.uint8)
    return np.where((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)


def baseline(name: str) -> Segment:
    """A fresh segmenter: ``grabcut`` for single pictures, ``mog2`` or ``knn`` for the frames of a static camera, in order.

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
    raise UsageError(f"no baseline {name!r}: choose from grabcut, mog2, knn")


def _subtractor(subtractor: cv2.BackgroundSubtractor) -> Segment:
    return lambda picture: np.asarray(subtractor.apply(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)), np.uint8)
