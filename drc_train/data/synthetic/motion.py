"""Sprites that fly straight, turn, and bounce off the borders and off each other."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from drc_train.data.synthetic.sprites import BORDER, Sprite

SPEED = (0.006, 0.014)
TURN = 0.03


def move(sprites: list[Sprite], frames: int, random: np.random.Generator) -> Iterator[list[Sprite]]:
    """The sprites of each frame, beginning with those given, whose surrounding circles must keep apart.

    Speeds are SPEED image widths a frame at the start; a bounce between two sprites exchanges their speeds along the
    line between them (equal masses), so the circles never overlap and nothing slows down.
    """
    centres = np.array([[sprite.x, sprite.y] for sprite in sprites])
    reach = np.array([sprite.radius for sprite in sprites]) + BORDER / 2
    headings = random.uniform(0, 2 * math.pi, len(sprites))
    speeds = random.uniform(*SPEED, len(sprites))
    velocities = speeds[:, None] * np.stack([np.cos(headings), np.sin(headings)], 1)
    turns = random.uniform(-TURN, TURN, len(sprites))
    for frame in range(frames):
        yield [
            replace(sprite, x=float(x), y=float(y), angle=sprite.angle + frame * float(turn))
            for sprite, (x, y), turn in zip(sprites, centres, turns, strict=True)
        ]
        centres = centres + velocities
        _bounce(centres, velocities, reach)


def _bounce(centres: NDArray[np.float64], velocities: NDArray[np.float64], reach: NDArray[np.float64]) -> None:
    """Turns round, in place, whatever flies out of the image or into another sprite."""
    for one in range(len(reach)):
        for axis in range(2):
            if centres[one, axis] < reach[one]:
                velocities[one, axis] = abs(velocities[one, axis])
            elif centres[one, axis] > 1 - reach[one]:
                velocities[one, axis] = -abs(velocities[one, axis])
        for other in range(one):
            between = centres[one] - centres[other]
            distance = float(np.linalg.norm(between))
            closing = float(np.dot(velocities[one] - velocities[other], between)) / distance
            # Only if they close in: a pair that still touches after its bounce must not bounce back.
            if distance < reach[one] + reach[other] and closing < 0:
                velocities[one] -= closing * between / distance
                velocities[other] += closing * between / distance
