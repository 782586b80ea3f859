"""Which objects cross the sample scene, when, and along which paths: all of it follows from the seed.

Positions are in frame heights with the origin in the middle of the frame, times in seconds.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from drc_train.data.synthetic.cutouts import cutouts

ASPECT = 4 / 3
"""Width of a frame over its height."""
LONGEST_GAP = 0.6
"""Longest time between two groups, seconds."""


@dataclass(frozen=True)
class Pose:
    """An object's pose: its centre, its angle in radians, and its size as a factor of its ``span``."""

    x: float
    y: float
    angle: float
    size: float


@dataclass(frozen=True)
class Visit:
    """An object on its path: a cubic Bezier curve that begins and ends outside of the frame."""

    index: int
    """Of the object in ``cutouts()``."""
    begin: float
    end: float
    path: tuple[tuple[float, float], ...]
    """The four control points."""
    angle: float
    """At the beginning, radians."""
    turn: float
    """Change of the angle along the path, radians."""
    size: float
    """Factor of the object's span at both ends of the path."""
    zoom: float
    """Relative change of the size in the middle of the path."""

    def pose(self, time: float) -> Pose | None:
        """The object's pose at ``time``; None before and after the visit."""
        if not self.begin <= time < self.end:
            return None
        done = (time - self.begin) / (self.end - self.begin)
        rest = 1 - done
        weights = (rest**3, 3 * rest**2 * done, 3 * rest * done**2, done**3)
        x, y = (sum(weight * point[axis] for weight, point in zip(weights, self.path, strict=True)) for axis in (0, 1))
        return Pose(x, y, self.angle + self.turn * done, self.size * (1 + self.zoom * math.sin(math.pi * done)))

    @property
    def reach(self) -> float:
        """Radius of the object's bounding circle at its largest size."""
        return _reach(self.index) * self.size * (1 + max(0.0, self.zoom))


def visits(random: np.random.Generator) -> Iterator[list[Visit]]:
    """An endless sequence of groups of one or two visits that overlap in time; between two groups the scene is empty."""
    time = 0.0
    while True:
        time += random.uniform(0.2, LONGEST_GAP)
        chosen = random.permutation(len(cutouts()))[: random.integers(1, 3)]
        group: list[Visit] = []
        for index in chosen:
            # Forty attempts at a path that keeps clear of the others; without one the object does not appear.
            for _ in range(40):
                visit = _visit(int(index), group, time, random)
                if all(_keep_apart(visit, other) for other in group):
                    group.append(visit)
                    break
        yield group
        time = max(visit.end for visit in group)


def _visit(index: int, group: list[Visit], time: float, random: np.random.Generator) -> Visit:
    begin = time if not group else time + random.uniform(0.15, 0.6) * (group[0].end - group[0].begin)
    size, zoom = random.uniform(0.85, 1.0), random.uniform(-0.1, 0.12)
    reach = _reach(index) * size * 1.02
    sides = random.permutation(4)[:2]
    inner = [(random.uniform(-0.5, 0.5), random.uniform(-0.35, 0.35)) for _ in range(2)]
    return Visit(
        index=index,
        begin=begin,
        end=begin + random.uniform(3.0, 6.0),
        path=(_outside(int(sides[0]), reach, random), *inner, _outside(int(sides[1]), reach, random)),
        angle=random.uniform(-0.25, 0.25),
        turn=random.uniform(-0.3, 0.3),
        size=size,
        zoom=zoom,
    )


def _outside(side: int, reach: float, random: np.random.Generator) -> tuple[float, float]:
    """A position outside of the frame for an object of this radius: ``side`` 0 left, 1 right, 2 above, 3 below."""
    along = random.uniform(-0.3, 0.3)
    sign = 1 if side % 2 else -1
    if side < 2:
        return sign * (ASPECT / 2 + reach), along
    return along * ASPECT, sign * (0.5 + reach)


def _reach(index: int) -> float:
    """Radius of the bounding circle at the object's own span."""
    cutout = cutouts()[index]
    height, width = cutout.alpha.shape
    return cutout.span / 2 * math.hypot(1, width / height)


def _keep_apart(one: Visit, other: Visit) -> bool:
    """Whether two objects hardly cover each other at any time (their bounding circles may overlap by a fifth)."""
    for time in np.arange(max(one.begin, other.begin), min(one.end, other.end), 0.1):
        here, there = one.pose(float(time)), other.pose(float(time))
        if here and there and math.hypot(here.x - there.x, here.y - there.y) < 0.8 * (one.reach + other.reach):
            return False
    return True
