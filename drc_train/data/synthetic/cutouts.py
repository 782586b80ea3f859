"""The photographs in the sample scene: its background, and the objects that move across it.

All come with scikit-image, without a download: ``brick`` (CC0, cc0textures.com), ``coffee`` (CC0, Rachel Michetti), ``chelsea``
(CC0, Stefan van der Walt), ``astronaut`` (public domain, NASA) and ``rocket`` (public domain, SpaceX). The outlines
are traced by hand, in pixels of those photographs.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.images import Image, read_image
from drc_runtime.packages import require
from drc_runtime.preprocess import resize

Floats = NDArray[np.float32]

_SAUCER = [
    (77, 219), (80, 190), (92, 160), (110, 130), (135, 102), (160, 81), (176, 71), (290, 60), (415, 105), (440, 122),
    (458, 145), (472, 178), (480, 215), (480, 240), (474, 270), (462, 296), (445, 322), (420, 347), (390, 366),
    (350, 381), (310, 388), (277, 389), (240, 385), (205, 374), (170, 357), (140, 334), (115, 306), (95, 275),
    (82, 245),
]  # fmt: skip
_CUP = [
    (173, 103), (180, 78), (196, 55), (220, 36), (252, 23), (289, 19), (325, 24), (356, 37), (384, 58), (402, 88),
    (408, 130), (400, 180), (300, 200), (180, 150),
]  # fmt: skip
_SPOON = [(396, 74), (408, 67), (419, 69), (423, 78), (415, 108), (408, 132), (397, 100)]
_SHUTTLE = [
    (411, 0), (421, 0), (427, 10), (433, 22), (436, 37), (437, 53), (439, 48), (443, 41), (446, 40),
    (451, 52), (455, 64), (456, 205), (456, 232), (454, 236), (454, 254), (457, 261), (456, 265), (444, 267),
    (435, 262), (437, 252), (437, 236), (426, 236), (426, 258), (416, 258), (415, 240), (410, 247), (405, 250),
    (406, 260), (403, 265), (390, 265), (388, 260), (388, 246), (371, 269), (368, 271), (368, 265), (386, 222),
    (376, 223), (356, 228), (355, 226), (355, 218), (363, 203), (377, 186), (378, 118), (381, 100), (380, 65),
    (387, 42), (390, 43), (396, 60), (396, 35), (399, 20), (404, 9),
]  # fmt: skip
_PATCH = [(172, 385), (38, 37)]


@dataclass(frozen=True)
class CutOut:
    """An object that is cut out of a photograph."""

    colour: Floats
    """``(h, w, 3)`` RGB in [0, 255], multiplied by alpha."""
    alpha: Floats
    """``(h, w)`` in [0, 1]."""
    span: float
    """Its height in frame heights."""
    lift: float
    """Offset of its shadow, in frame heights."""


@cache
def photograph(name: str) -> Image:
    """A photograph that scikit-image brings, ``(H, W, 3)`` uint8 RGB.

    Raises:
        MissingDependencyError: scikit-image is not installed.
    """
    data = require("skimage.data", extra="train", purpose="the sample scene")
    return read_image(Path(data.__file__).parent / name)


@cache
def table(height: int, width: int) -> Floats:
    """The empty scene, ``(height, width, 3)`` in [0, 255]: a paved table of green slate in the light of a lamp.

    The photograph is grey; the colours of stone and joints are added here.
    """
    grey = photograph("brick.png")[..., 0]
    tones, steps = [25, 100, 150, 215], np.arange(256)
    colours = [[34, 44, 46], [82, 112, 104], [132, 164, 150], [200, 222, 206]]
    ramp = np.stack([np.interp(steps, tones, channel) for channel in zip(*colours, strict=True)], 1)
    stone = ramp[grey].astype(np.float32)[64:448]
    shrinks = height <= stone.shape[0] and width <= stone.shape[1]
    scaled = cv2.resize(stone, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    down, across = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    lamp = 1.18 - 0.5 * ((across - 0.3) ** 2 + (down - 0.25) ** 2)
    return np.clip(np.asarray(scaled, np.float32) * lamp[..., None], 0, 255).astype(np.float32)


@cache
def cutouts() -> tuple[CutOut, ...]:
    """The objects: a cup on its saucer, a model of the shuttle, an embroidered patch and two photographic prints."""
    return (
        _traced("coffee.png", [_SAUCER, _CUP, _SPOON], span=0.5, lift=0.02),
        _traced("astronaut.png", [_SHUTTLE], span=0.75, lift=0.015),
        _traced("astronaut.png", [_ellipse(*_PATCH)], span=0.42, lift=0.012),
        _print(photograph("chelsea.png")[4:296, 30:420], span=0.44),
        _print(photograph("rocket.jpg")[60:420, 185:455], span=0.52),
    )


def _ellipse(centre: tuple[int, int], radii: tuple[int, int]) -> list[tuple[int, int]]:
    return [(int(x), int(y)) for x, y in cv2.ellipse2Poly(centre, radii, 0, 0, 360, 6)]


def _traced(name: str, outlines: list[list[tuple[int, int]]], span: float, lift: float) -> CutOut:
    image = photograph(name)
    finer = 4
    canvas = np.zeros((image.shape[0] * finer, image.shape[1] * finer), np.uint8)
    for outline in outlines:
        cv2.fillPoly(canvas, [np.array(outline, np.int32) * finer], 255)
    # Removes one pixel along the outline, which may show what was behind the object, and rounds hand-drawn corners.
    canvas = cv2.erode(canvas, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * finer + 1, 2 * finer + 1)))
    canvas = np.where(cv2.GaussianBlur(canvas, (0, 0), 1.5 * finer) >= 128, 255, 0).astype(np.uint8)
    alpha = resize(canvas, (image.shape[0], image.shape[1]))
    left, top, width, height = cv2.boundingRect(alpha)
    inside = (slice(max(0, top - 2), top + height + 2), slice(max(0, left - 2), left + width + 2))
    return _cutout(image[inside], np.float32(1 / 255) * alpha[inside], span, lift)


def _print(image: Image, span: float) -> CutOut:
    """A photographic print with a white border, almost flat on the table."""
    edge = max(image.shape[:2]) // 20
    framed = cv2.copyMakeBorder(image, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=(236, 234, 228))
    return _cutout(np.asarray(framed, np.uint8), np.ones(framed.shape[:2], np.float32), span, lift=0.008)


def _cutout(image: Image, alpha: Floats, span: float, lift: float) -> CutOut:
    # A transparent rim, so that interpolation at the border fades out.
    alpha = np.pad(alpha, 2)
    colour = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="edge").astype(np.float32) * alpha[..., None]
    return CutOut(colour, alpha, span, lift)
