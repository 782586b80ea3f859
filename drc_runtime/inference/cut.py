"""A mask cut anew by the colours of its own image: GrabCut (Rother et al., 2004) that starts from the model's mask."""

import time
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.images import Image
from drc_runtime.inference.extraction import Extraction
from drc_runtime.preprocess import resize

SIZE = 128
"""Pixels of the image's longer side, at most, at which it is cut."""
ROUNDS = 2
"""Of the colour models and the cut in turn. Five take twice the time and measured no better."""
REACH = 1 / 8
"""Pixels farther from the seed than this share of the longer side stay background, whatever their colour."""
NOISE = 3
"""Window of the median filter before the cut, pixels: single pixels of noise would become colours of both sides."""
GATE = 0.2
"""Least IoU of the mask before and after: below it the colours tell the regions apart elsewhere than the model does."""


class Refined(NamedTuple):
    """A mask that was cut again. The fields are those of ``Extraction``."""

    probability: NDArray[np.uint8]
    """``(H, W)``, soft only along the outline; the mask from before where there is no cut or it does not agree."""
    agreement: float
    """IoU of the mask before and after, in [0, 1], also where the cut was not taken; 0 where there is no cut."""
    disagreement: NDArray[np.uint8]
    """``(H, W)``: distance of the probability before from that of the cut, also where the cut was not taken; 255 everywhere where
    there is no cut."""


def refine(image: Image, probability: NDArray[np.uint8], gate: float = GATE) -> Refined:
    """Cuts the image again with a colour model of each side of the mask; no label is needed.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        probability: ``(H, W)`` uint8, of the foreground; the two sides are above and below one half.
        gate: least agreement with ``probability``, in [0, 1].
    """
    shape = working_shape(image)
    small = np.asarray(resize(image, shape), np.uint8)
    seed = resize(probability, shape) > 127
    found, agreed = cut(small, seed)
    if not agreed:
        return Refined(probability, 0.0, np.full_like(probability, 255))
    scaled = cv2.resize(np.where(found, 255, 0).astype(np.uint8), image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    disagreement = np.asarray(cv2.absdiff(probability, scaled), np.uint8)
    return Refined(probability if agreed < gate else np.asarray(scaled, np.uint8), agreed, disagreement)


def refine_extraction(image: Image, found: Extraction) -> Extraction:
    """What was found in ``image (H, W, 3)`` uint8 RGB, with its mask refined and the milliseconds of that."""
    begun = time.monotonic()
    again = refine(image, found.probability)
    milliseconds = found.milliseconds | {"refine": 1000 * (time.monotonic() - begun)}
    return replace(found, **again._asdict(), milliseconds=milliseconds)


def working_shape(image: Image) -> tuple[int, int]:
    """Height and width at which ``image (H, W, 3)`` is cut: its own, or with its longer side scaled to ``SIZE``."""
    height, width = image.shape[:2]
    scale = min(1.0, SIZE / max(height, width))
    return max(round(height * scale), 1), max(round(width * scale), 1)


def cut(image: Image, seed: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], float]:
    """GrabCut from a mask: every pixel may change sides but those out of ``REACH``.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        seed: ``(H, W)``, the foreground to start from.

    Returns:
        The foreground ``(H, W)``; ``seed`` itself if it leaves one side without colours.
    """
    labels = np.where(seed, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    distance = cv2.distanceTransform((~seed).astype(np.uint8), cv2.DIST_L2, 3)
    labels[distance > REACH * max(seed.shape)] = cv2.GC_BGD
    try:
        cv2.setRNGSeed(0)  # of the k-means that starts the colour models
        cv2.grabCut(
            cv2.cvtColor(cv2.medianBlur(image, NOISE), cv2.COLOR_RGB2BGR),
            labels,
            (0, 0, 1, 1),
            np.zeros((1, 65)),
            np.zeros((1, 65)),
            ROUNDS,
            cv2.GC_INIT_WITH_MASK,
        )
    except cv2.error:  # raised where one side has no pixels or only one colour
        return seed, 0.0
    found = np.asarray(labels == cv2.GC_PR_FGD)
    return found, agreement(found, seed)


def agreement(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """IoU of two masks ``(H, W)``; 1 where both are empty."""
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0
