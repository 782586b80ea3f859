"""Pictures of a camera's state: float32, in grey levels, at the network's size."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Plane = NDArray[np.bool_]

_ONES = np.ones((1, 3), np.float32)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def over_channels(picture: Array) -> Array:
    """The sum of the channels: ``(h, w, 3)`` to ``(h, w)``. Five times faster than NumPy's over a last axis of three."""
    return np.asarray(cv2.transform(picture, _ONES), np.float32)


# The next three are written out and not OpenCV's, whose last bits depend on its version and on the processor: in C++ they have
# the same ones. A chain of few steps a frame does not forget a difference, it grows tenfold and more from frame to frame.


def grey_plane(picture: Array) -> Array:
    """The luma of Rec. 601: ``(h, w, 3)`` to ``(h, w)``."""
    red, green, blue = (picture[..., channel] * _LUMA[channel] for channel in range(3))
    return np.asarray(red + green + blue, np.float32)


def to_grey(picture: Array) -> Array:
    """The picture without its colours: ``(h, w, 3)`` to ``(h, w, 3)``."""
    return np.repeat(grey_plane(picture)[..., None], 3, -1)


def shifted(picture: Array, x: float, y: float) -> Array:
    """A picture ``(h, w)`` or ``(h, w, 3)`` moved by x and y pixels, bilinear; its edge goes on outwards."""
    return _shifted_along(_shifted_along(picture, x, 1), y, 0)


def _shifted_along(picture: Array, by: float, axis: int) -> Array:
    whole = math.floor(-by)
    share = np.float32(-by - whole)
    last = picture.shape[axis] - 1
    at = np.arange(last + 1) + whole
    first, second = (picture.take(np.clip(at + step, 0, last), axis) for step in (0, 1))
    return np.asarray(first + share * (second - first), np.float32)
