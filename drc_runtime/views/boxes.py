"""Boxes around the things in a mask, by connected components."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.images import Image

LEAST_SHARE = 0.002
"""Of the image's pixels: smaller components are left out."""
WORKING_SIDE = 320
"""Pixels: a larger mask is scaled down first, which costs the boxes a pixel or two and saves most of the time."""
MOST = 50
"""Boxes of one image, the largest ones."""
COLOUR = (255, 200, 60)


class Box(NamedTuple):
    """A thing in the image, in pixels."""

    x: int
    y: int
    width: int
    height: int
    share: float
    """Of the image's pixels that belong to it, in [0, 1]."""


def find_boxes(probability: NDArray[np.uint8]) -> list[Box]:
    """The boxes of a mask, the largest thing first.

    Args:
        probability: ``(H, W)``; 128 or more is foreground.
    """
    height, width = probability.shape
    scale = min(1.0, WORKING_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(probability, size, interpolation=cv2.INTER_AREA) if scale < 1 else probability
    mask = cv2.threshold(small, 127, 1, cv2.THRESH_BINARY)[1]
    _, _, found, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    across, down = width / size[0], height / size[1]
    boxes = []
    for x, y, w, h, area in found[1:].tolist():
        share = area / mask.size
        if share >= LEAST_SHARE:
            left, top = round(x * across), round(y * down)
            boxes.append(Box(left, top, round((x + w) * across) - left, round((y + h) * down) - top, share))
    return sorted(boxes, key=lambda box: -box.share)[:MOST]


def draw_boxes(image: Image, probability: NDArray[np.uint8]) -> Image:
    """Draws the boxes of the mask into ``image (H, W, 3)``, in place, and returns it."""
    thickness = max(1, round(min(image.shape[:2]) / 240))
    for box in find_boxes(probability):
        corner = box.x + box.width - 1, box.y + box.height - 1
        cv2.rectangle(image, (box.x, box.y), corner, COLOUR, thickness)
    return image
