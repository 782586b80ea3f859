"""Composes an image and its foreground probability: overlay, cut-out, another background.

Images are ``(H, W, 3)`` uint8 RGB, probabilities ``(H, W)`` uint8 of the same size, 255 = foreground.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.errors import UsageError
from drc_runtime.images import Image, read_image
from drc_runtime.preprocess import resize

Probability = NDArray[np.uint8]
Colour = tuple[int, int, int]
Background = Callable[[Image, Probability], Image]

BACKGROUND_BRIGHTNESS = 0.35
LINE_COLOUR: Colour = (90, 255, 170)
COLOURS: dict[str, Colour] = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "green": (0, 177, 64),  # green screen
    "blue": (0, 71, 187),
}


def overlay(image: Image, probability: Probability) -> Image:
    """Background dark and grey, foreground unchanged, with a thin bright line along the edge."""
    grey = cv2.convertScaleAbs(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), alpha=BACKGROUND_BRIGHTNESS)
    result = _blend(image, np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8), probability)
    # Mask minus erosion, because cv2.findContours takes a hundred times as long for a noisy mask.
    _, mask = cv2.threshold(probability, 127, 255, cv2.THRESH_BINARY)
    thickness = max(1, round(min(image.shape[:2]) / 360))
    inner = cv2.erode(mask, np.ones((2 * thickness + 1, 2 * thickness + 1), np.uint8))
    result[mask != inner] = LINE_COLOUR
    return result


def mask_alone(image: Image, probability: Probability) -> Image:
    """``(H, W, 3)``: white where the probability is at least 0.5, else black."""
    return np.asarray(cv2.cvtColor(binary(probability, 0.5), cv2.COLOR_GRAY2RGB), np.uint8)


def side_by_side(image: Image, probability: Probability) -> Image:
    """``(H, 2 W, 3)``: the image, and its overlay on the right."""
    return np.concatenate([image, overlay(image, probability)], axis=1)


def binary(probability: Probability, threshold: float) -> Probability:
    """255 where probability / 255 is at least ``threshold``, else 0."""
    return np.asarray(cv2.threshold(probability, threshold * 255 - 1e-6, 255, cv2.THRESH_BINARY)[1], np.uint8)


def rebalance(probability: Probability, threshold: float) -> Probability:
    """Adds a constant to the log-odds so that ``threshold``, above 0 and below 1, becomes 0.5; 0 and 255 do not change.

    This is the posterior under another prior share of foreground. Soft edges stay soft.
    """
    if threshold == 0.5:
        return probability
    share = np.arange(256) / 255
    odds = share * (1 - threshold)
    table = np.rint(255 * odds / (odds + (1 - share) * threshold)).astype(np.uint8)
    return np.asarray(cv2.LUT(probability, table), np.uint8)


def cutout(image: Image, probability: Probability) -> Image:
    """``(H, W, 4)`` uint8 RGBA: the image with the probability as alpha, not premultiplied."""
    return np.dstack([image, probability])


def replace_background(image: Image, probability: Probability, background: Colour | Image | Literal["blur"]) -> Image:
    """Replaces the background by a colour, by an image (scaled and cropped to fill the frame) or by its own blur."""
    if isinstance(background, str):
        behind = _blur(image, probability)
    elif isinstance(background, tuple):
        behind = np.full_like(image, background)
    else:
        behind = _fill(background, image.shape[0], image.shape[1])
    return _blend(image, behind, probability)


def parse_background(spec: str) -> Background:
    """The view for a value of ``--background``: a name in ``BACKGROUNDS`` or ``COLOURS``, ``#rrggbb``, or the path of an image.

    Raises:
        UsageError: none of these.
        SourceError: the image cannot be read.
    """
    if spec in BACKGROUNDS:
        return BACKGROUNDS[spec]
    if is_colour(spec):
        colour = COLOURS[spec] if spec in COLOURS else (int(spec[1:3], 16), int(spec[3:5], 16), int(spec[5:], 16))
        return lambda image, probability: replace_background(image, probability, colour)
    if not Path(spec).is_file():
        known = ", ".join([*BACKGROUNDS, *COLOURS])
        raise UsageError(
            f"--background {spec} is neither the path of an image or a video nor #rrggbb nor one of: {known}"
        )
    return _ImageBackground(read_image(Path(spec)))


def is_colour(spec: str) -> bool:
    """Whether it is a name in ``COLOURS`` or ``#rrggbb``."""
    return spec in COLOURS or re.fullmatch(r"#[0-9a-fA-F]{6}", spec) is not None


BACKGROUNDS: dict[str, Background] = {
    "overlay": overlay,
    "mask": mask_alone,
    "side-by-side": side_by_side,
    "blur": lambda image, probability: replace_background(image, probability, "blur"),
}


class _ImageBackground:
    """Caches the background at the size of the last frame: scaling takes longer than composing."""

    def __init__(self, background: Image) -> None:
        self._original = background
        self._scaled = background

    def __call__(self, image: Image, probability: Probability) -> Image:
        if self._scaled.shape != image.shape:
            self._scaled = _fill(self._original, image.shape[0], image.shape[1])
        return replace_background(image, probability, self._scaled)


def _blend(front: Image, behind: Image, probability: Probability) -> Image:
    """``front`` where the probability is 255, ``behind`` where it is 0. Writes to ``behind``."""
    left, top, width, height = cv2.boundingRect(probability)
    if width == 0:
        return behind
    # Only the bounding rectangle of the foreground, for speed.
    window = np.s_[top : top + height, left : left + width]
    alpha = cv2.cvtColor(np.ascontiguousarray(probability[window]), cv2.COLOR_GRAY2RGB)
    mixed = cv2.add(
        cv2.multiply(front[window], alpha, scale=1 / 255),
        cv2.multiply(behind[window], cv2.bitwise_not(alpha), scale=1 / 255),
    )
    behind[window] = mixed
    return behind


def _blur(image: Image, probability: Probability) -> Image:
    """The blurred background, weighted by the background probability, so that the foreground leaves no halo."""
    height, width = image.shape[:2]
    small = (max(1, height // 8), max(1, width // 8))
    unsure = cv2.resize(probability, (small[1], small[0]), interpolation=cv2.INTER_AREA)
    weight = 1 - unsure.reshape(small).astype(np.float32) / 255 + np.float32(1e-3)
    sigma = max(small) / 24
    sums = cv2.GaussianBlur(resize(image, small).astype(np.float32) * weight[..., None], (0, 0), sigma)
    blurred = sums.reshape(*small, 3) / cv2.GaussianBlur(weight, (0, 0), sigma).reshape(*small, 1)
    return np.asarray(cv2.resize(blurred.clip(0, 255).astype(np.uint8), (width, height)), np.uint8)


def _fill(background: Image, height: int, width: int) -> Image:
    """Scales, keeps the aspect ratio, and crops to the size of the frame."""
    scale = max(height / background.shape[0], width / background.shape[1])
    size = (max(height, round(background.shape[0] * scale)), max(width, round(background.shape[1] * scale)))
    scaled = resize(background, size)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return scaled[top : top + height, left : left + width].copy()
