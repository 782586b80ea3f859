"""Baselines by name: GrabCut, IEM with and without a cut, the best constant mask, and those of ``camera_baselines``."""

from collections.abc import Callable, Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.errors import UsageError
from drc_runtime.images import Image
from drc_runtime.inference.cut import refine
from drc_runtime.preprocess import resize
from drc_train.data.masks import binary
from drc_train.evaluation.camera_baselines import SUBTRACTORS, online, subtractor
from drc_train.evaluation.iem import iem

Segmenter = Callable[[Image], NDArray[np.uint8]]
"""An image ``(H, W, 3)`` uint8 RGB to a mask ``(H, W)`` uint8, 0 or 255."""

BASELINES = ("grabcut", "iem", "iem-cut", "constant", "plain", "online", *SUBTRACTORS)
"""All names; ``constant`` and ``plain`` see the whole data first, and the former its truth."""
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


def iem_cut(image: Image) -> NDArray[np.uint8]:
    """The mask of ``iem``, cut again by the image's colours where the cut agrees with it: no model and no training."""
    return binary(refine(image, iem(image)).probability)


def baseline(name: str) -> Segmenter:
    """A new segmenter by its name in ``BASELINES``, for images or for the frames of a static camera in order.

    Raises:
        UsageError: the baseline is unknown.
        MissingDependencyError: this OpenCV lacks it.
    """
    for_images: dict[str, Segmenter] = {"grabcut": grabcut, "iem": iem, "iem-cut": iem_cut}
    if name in for_images:
        return for_images[name]
    if name == "online":
        return online()
    if name in SUBTRACTORS:
        return subtractor(name)
    raise UsageError(f"no baseline {name!r}: choose from {', '.join(BASELINES)}")


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
