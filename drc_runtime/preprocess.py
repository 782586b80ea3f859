"""Image <-> network tensor: the one code path, used by training, by the export's checks and by the runtime.

Images are ``(H, W, 3)`` uint8 RGB. Tensors are ``(3, H, W)`` float32 in [-1, 1] (the range of the generators' tanh).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.images import Image


def to_tensor(image: Image, size: tuple[int, int]) -> NDArray[np.float32]:
    """Scales an image to ``size`` (height, width), whatever its aspect ratio: ``(3, H, W)`` float32 in [-1, 1].

    Area averaging where the image shrinks (no aliasing), bilinear where it grows.
    """
    scaled = resize(image, size)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32) / np.float32(127.5) - np.float32(1)


def resize(image: Image, size: tuple[int, int]) -> Image:
    """Scales to ``size`` (height, width): area averaging where a side shrinks, then bilinear where one grows."""
    for method, (height, width) in (
        (cv2.INTER_AREA, (min(size[0], image.shape[0]), min(size[1], image.shape[1]))),
        (cv2.INTER_LINEAR, size),
    ):
        if image.shape[:2] != (height, width):
            image = np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
    return image


def to_image(tensor: NDArray[np.float32]) -> Image:
    """``(3, H, W)`` in [-1, 1] to ``(H, W, 3)`` uint8 RGB; values outside are clipped."""
    values = (tensor.transpose(1, 2, 0) + np.float32(1)) * np.float32(127.5)
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
