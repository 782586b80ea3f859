"""Sprites of one colour (square, circle, triangle): outlines, random layouts, and drawing with smooth edges.

Lengths are in image widths, so that a sprite can be drawn at any resolution.
"""

import colorsys
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

CORNERS = {"square": 4, "circle": 48, "triangle": 3}
"""Corners of the regular polygon that each shape is drawn as."""
AREA = (0.042, 0.072)
"""Smallest and largest fraction of the image that one sprite covers; 2 or 3 sprites cover about 8 to 21 %."""
BORDER = 0.02
"""Smallest distance between a sprite and the border, and between two sprites, in image widths."""


@dataclass(frozen=True)
class Sprite:
    """One sprite: centre in [0, 1] (x to the right, y down), radius of its bounding circle, angle in radians, RGB in [0, 1]."""

    shape: str
    x: float
    y: float
    radius: float
    angle: float
    colour: tuple[float, float, float]

    def outline(self, grow: float = 0.0) -> NDArray[np.float32]:
        """The corners ``(n, 2)`` as x, y in image widths; ``grow`` is added to the radius."""
        turns = self.angle + 2 * math.pi * np.arange(CORNERS[self.shape]) / CORNERS[self.shape]
        radius = self.radius + grow
        return np.stack([self.x + radius * np.cos(turns), self.y + radius * np.sin(turns)], 1).astype(np.float32)


def random_sprite(random: np.random.Generator) -> Sprite:
    """A sprite of random shape, size, angle and saturated colour, anywhere inside the image."""
    shape = str(random.choice(list(CORNERS)))
    corners = CORNERS[shape]
    area = random.uniform(*AREA)
    radius = math.sqrt(area / (corners / 2 * math.sin(2 * math.pi / corners)))
    angle = random.uniform(0, 2 * math.pi)
    colour = colorsys.hsv_to_rgb(random.uniform(), 1.0, 1.0)
    centred = Sprite(shape, 0.0, 0.0, radius, angle, colour)
    low = BORDER - centred.outline().min(axis=0)
    high = 1 - BORDER - centred.outline().max(axis=0)
    x, y = random.uniform(low, high)
    return Sprite(shape, float(x), float(y), radius, angle, colour)


def random_layout(random: np.random.Generator, *, discs: bool = False) -> list[Sprite]:
    """2 or 3 sprites that keep apart; with ``discs`` also their bounding circles keep apart and stay inside of the image."""
    count = int(random.integers(2, 4))
    sprites: list[Sprite] = []
    tries = 0
    while len(sprites) < count:
        tries += 1
        if tries % 50 == 0:
            # The first sprites can leave no room for the last one, so the search restarts.
            sprites = []
        candidate = random_sprite(random)
        if discs and not _disc_is_inside(candidate):
            continue
        apart = _discs_apart if discs else _outlines_apart
        if all(apart(candidate, other) for other in sprites):
            sprites.append(candidate)
    return sprites


def _disc_is_inside(sprite: Sprite) -> bool:
    reach = sprite.radius + BORDER
    return reach <= sprite.x <= 1 - reach and reach <= sprite.y <= 1 - reach


def _discs_apart(one: Sprite, other: Sprite) -> bool:
    return math.hypot(one.x - other.x, one.y - other.y) >= one.radius + other.radius + BORDER


def _outlines_apart(one: Sprite, other: Sprite) -> bool:
    if _discs_apart(one, other):
        return True
    # Adding BORDER to a triangle's radius moves its sides by half of BORDER only, so both outlines grow.
    area, _ = cv2.intersectConvexConvex(one.outline(BORDER), other.outline(BORDER))
    return area <= 0


def paint(image: NDArray[np.float32], sprites: list[Sprite]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draws sprites with smooth edges over a background.

    Args:
        image: ``(S, S, 3)`` background in [0, 1].
        sprites: later ones cover earlier ones.

    Returns:
        The image ``(S, S, 3)`` uint8 and the mask ``(S, S)`` uint8: 255 where sprites cover at least half a pixel.
    """
    size = image.shape[0]
    finer = max(2, min(8, 512 // size))
    covered = np.zeros((size, size), np.float32)
    for sprite in sprites:
        canvas = np.zeros((size * finer, size * finer), np.uint8)
        # 4 fractional bits give sub-pixel positions; in OpenCV whole numbers are the centres of pixels.
        corners = np.rint((sprite.outline() * (size * finer) - 0.5) * 16).astype(np.int32)
        cv2.fillConvexPoly(canvas, corners, 255, shift=4)
        coverage = np.asarray(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), np.float32) / 255
        image = image + coverage[..., None] * (np.array(sprite.colour, np.float32) - image)
        covered += coverage
    return np.rint(image * 255).astype(np.uint8), np.where(covered >= 0.5, 255, 0).astype(np.uint8)
