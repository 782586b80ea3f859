"""Colour profiles: what an image with an ICC profile looks like in sRGB, in which every image is processed and written."""

from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAME = 2
"""Grey levels by which a profile may differ from sRGB to count as sRGB; such images are left as they are."""
SPACES = {"RGB": "RGB", "GRAY": "L"}
"""Colour spaces of profiles that are applied, with Pillow's name of the pixels."""


def to_srgb(image: NDArray[np.uint8], profile: bytes) -> NDArray[np.uint8]:
    """Converts ``(H, W, 3)`` uint8 RGB of the profile's colour space to sRGB; may write to ``image``.

    A profile that cannot be read, that is of another colour space than RGB or grey, or that equals sRGB changes nothing.
    """
    found = _conversion(profile)
    if found is None:
        return image
    mode, transform = found
    return _converted(image, mode, transform)


def _converted(image: NDArray[np.uint8], mode: str, transform: Any) -> NDArray[np.uint8]:
    from PIL import Image, ImageCms

    pixels = Image.fromarray(image if mode == "RGB" else np.ascontiguousarray(image[..., 0]), mode)
    return np.array(ImageCms.applyTransform(pixels, transform), np.uint8)


@lru_cache(maxsize=16)
def _conversion(profile: bytes) -> tuple[str, Any] | None:
    """Pillow's name of the pixels and the transform; None where there is nothing to convert."""
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        mode = SPACES.get(source.profile.xcolor_space.strip())
        if mode is None:
            return None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        steps = np.arange(0, 256, 15).astype(np.uint8)
        grid = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(len(steps), -1, 3)
        if mode == "L":
            grid = np.repeat(grid[..., :1], 3, 2)
        changed = _converted(grid.copy(), mode, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    same = int(np.abs(changed.astype(int) - grid).max()) <= SAME
    return None if same else (mode, transform)
