"""Sprites that move straight, rotate, and bounce off the borders and off each other."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from drc_train.data.synthetic.sprites import BORDER, Sprite

SPEED = (0.006, 0.014)
"""Smallest and largest speed at the start, image widths a frame."""
TURN = 0.03
"""Largest rotation, radians a frame."""


def move(sprites: list[Sprite], frames: int, random: np.random.Generator) -> Iterator[list[Sprite]]:
    """Yields the sprites of each frame, first those given.

    Two sprites bounce as discs of equal mass: they exchange their velocities along the line between their centres, so that
    their bounding circles never overlap and the kinetic energy stays the same.

    Args:
        sprites: of the first frame; their bounding circles must not overlap.
        frames: number of frames.
        random: decides headings, speeds and rotations.
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
    """Reflects, in place, the velocities of sprites that leave the image or meet another sprite."""
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
            # Only if they approach each other: a pair that still touches after its bounce must not bounce back.
            if distance < reach[one] + reach[other] and closing < 0:
                velocities[one] -= closing * between / distance
                velocities[other] += closing * between / distance
