"""Image to network tensor and back: the one code path of training, of the export's checks and of the runtime.

Images are ``(H, W, 3)`` uint8 RGB. Tensors are ``(3, H, W)`` float32 in [-1, 1] (the range of the generators' tanh).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.errors import UsageError
from drc_runtime.images import Image


def to_tensor(image: Image, size: tuple[int, int]) -> NDArray[np.float32]:
    """Scales an image to ``size`` (height, width) without keeping its aspect ratio: ``(3, H, W)`` float32 in [-1, 1].

    Raises:
        UsageError: the image is not ``(H, W, 3)`` uint8.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise UsageError(f"an image is (H, W, 3) uint8 RGB, not {image.shape} {image.dtype}")
    scaled = resize(image, size)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32) / np.float32(127.5) - np.float32(1)


def resize(image: Image, size: tuple[int, int]) -> Image:
    """Scales an image or a mask to ``size`` (height, width).

    First area averaging (no aliasing) on each side that shrinks, then bilinear interpolation on each side that grows.
    """
    for method, (height, width) in (
        (cv2.INTER_AREA, (min(size[0], image.shape[0]), min(size[1], image.shape[1]))),
        (cv2.INTER_LINEAR, size),
    ):
        if image.shape[:2] != (height, width):
            image = np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
    return image


def to_image(tensor: NDArray[np.float32]) -> Image:
    """``(3, H, W)`` in [-1, 1] to ``(H, W, 3)`` uint8 RGB, rounded to nearest; values out of range are clipped."""
    values = (tensor.transpose(1, 2, 0) + np.float32(1)) * np.float32(127.5)
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
