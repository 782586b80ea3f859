"""Bounding boxes of the downloads, and the squares that are cropped around them (Appendix A.1)."""

import math
from typing import Any, NamedTuple

import numpy as np

from drc_runtime.errors import SourceError
from drc_runtime.images import Image


class Box(NamedTuple):
    """A bounding box in pixels, from the image's top left; right and bottom are exclusive."""

    left: float
    top: float
    right: float
    bottom: float


class Square(NamedTuple):
    """A square of whole pixels: its top left pixel and the length of its side."""

    top: int
    left: int
    side: int

    def cut(self, image: Image) -> Image:
        """The square's part of an image ``(H, W)`` or ``(H, W, 3)``, without what lies outside of it."""
        rows = slice(max(0, self.top), max(0, self.top + self.side))
        return image[rows, max(0, self.left) : max(0, self.left + self.side)]


def parse_box(values: tuple[Any, Any, Any, Any], where: str) -> Box:
    """Four numbers, left, top, right and bottom, as a box.

    Args:
        values: numbers or texts of numbers.
        where: the file and the line, for the message.

    Raises:
        SourceError: they are not finite numbers.
    """
    try:
        box = Box(*(float(value) for value in values))
    except (TypeError, ValueError) as error:
        raise SourceError(f"{where}: a bounding box is four numbers, not {values!r:.80}") from error
    if not all(math.isfinite(value) for value in box):
        raise SourceError(f"{where}: a bounding box is four finite numbers, not {values!r:.80}")
    return box


def square_around(box: Box, height: int, width: int, margin: float = 0.0) -> Square:
    """The square at a box's centre whose side is the box's longer side (Appendix A.1).

    The side is at most the image's shorter side, and the square is moved so that all of it lies within the image.

    Args:
        box: the object's bounding box.
        height: the image's height, pixels.
        width: the image's width, pixels.
        margin: added to the side, as a fraction of it.

    Raises:
        SourceError: no part of the box lies within the image.
    """
    left, right = np.clip([box.left, box.right], 0, width).tolist()
    top, bottom = np.clip([box.top, box.bottom], 0, height).tolist()
    if not (right > left and bottom > top):  # also where one is not a number
        raise SourceError(f"its bounding box {tuple(box)} lies outside of its {width}x{height} pixels")
    side = max(1, min(round(max(right - left, bottom - top) * (1 + margin)), width, height))
    return Square(
        top=max(0, min(round((top + bottom - side) / 2), height - side)),
        left=max(0, min(round((left + right - side) / 2), width - side)),
        side=side,
    )


def released_square(box: Box) -> Square:
    """The square of 1.5 times a box's longer side at its centre, as the released code takes it for Birds (data/dataset.py).

    It may leave the image; what ``cut`` gives is then no square, and scaling squashes it, as there.
    """
    left, top, width, height = (int(value) for value in (box.left, box.top, box.right - box.left, box.bottom - box.top))
    half = max(1, int(0.75 * max(width, height)))
    return Square((2 * top + height) // 2 - half, (2 * left + width) // 2 - half, 2 * half)
