"""Who crosses the sample scene, when and along which path: everything about it that depends on the seed alone.

Places are in frame heights with the origin in the middle of the frame, times in seconds.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from drc_train.data.synthetic.cutouts import cutouts

ASPECT = 4 / 3
LONGEST_GAP = 0.6


@dataclass(frozen=True)
class Pose:
    """Where an object is: its centre, its angle in radians and its size against its ``span``."""

    x: float
    y: float
    angle: float
    size: float


@dataclass(frozen=True)
class Visit:
    """An object (``thing`` counts ``cutouts()``) on its way: a cubic Bezier curve from outside the frame to outside."""

    thing: int
    begin: float
    end: float
    path: tuple[tuple[float, float], ...]
    angle: float
    turn: float
    size: float
    zoom: float

    def pose(self, time: float) -> Pose | None:
        """Where the object is at ``time``; None while it is away."""
        if not self.begin <= time < self.end:
            return None
        share = (time - self.begin) / (self.end - self.begin)
        rest = 1 - share
        weights = (rest**3, 3 * rest**2 * share, 3 * rest * share**2, share**3)
        x, y = (sum(weight * point[axis] for weight, point in zip(weights, self.path, strict=True)) for axis in (0, 1))
        return Pose(x, y, self.angle + self.turn * share, self.size * (1 + self.zoom * math.sin(math.pi * share)))

    @property
    def reach(self) -> float:
        """Radius of the circle round the object at its largest."""
        return _reach(self.thing) * self.size * (1 + max(0.0, self.zoom))


def visits(random: np.random.Generator) -> Iterator[list[Visit]]:
    """Groups of one or two visits that overlap in time, for ever; between two groups the scene is empty a while."""
    time = 0.0
    while True:
        time += random.uniform(0.2, LONGEST_GAP)
        chosen = random.permutation(len(cutouts()))[: random.integers(1, 3)]
        group: list[Visit] = []
        for thing in chosen:
            # A few tries at a path that keeps clear of the others; an object that finds none stays away.
            for _ in range(40):
                visit = _visit(int(thing), group, time, random)
                if all(_keep_apart(visit, other) for other in group):
                    group.append(visit)
                    break
        yield group
        time = max(visit.end for visit in group)


def _visit(thing: int, group: list[Visit], time: float, random: np.random.Generator) -> Visit:
    begin = time if not group else time + random.uniform(0.15, 0.6) * (group[0].end - group[0].begin)
    size, zoom = random.uniform(0.85, 1.0), random.uniform(-0.1, 0.12)
    reach = _reach(thing) * size * 1.02
    sides = random.permutation(4)[:2]
    inner = [(random.uniform(-0.5, 0.5), random.uniform(-0.35, 0.35)) for _ in range(2)]
    return Visit(
        thing=thing,
        begin=begin,
        end=begin + random.uniform(3.0, 6.0),
        path=(_outside(int(sides[0]), reach, random), *inner, _outside(int(sides[1]), reach, random)),
        angle=random.uniform(-0.25, 0.25),
        turn=random.uniform(-0.3, 0.3),
        size=size,
        zoom=zoom,
    )


def _outside(side: int, reach: float, random: np.random.Generator) -> tuple[float, float]:
    """A place from which an object of this reach cannot be seen: left, right, above or below the frame."""
    along = random.uniform(-0.3, 0.3)
    sign = 1 if side % 2 else -1
    if side < 2:
        return sign * (ASPECT / 2 + reach), along
    return along * ASPECT, sign * (0.5 + reach)


def _reach(thing: int) -> float:
    cutout = cutouts()[thing]
    height, width = cutout.alpha.shape
    return cutout.span / 2 * math.hypot(1, width / height)


def _keep_apart(one: Visit, other: Visit) -> bool:
    """Whether the two hardly cover each other at any time (their circles may overlap by a fifth)."""
    for time in np.arange(max(one.begin, other.begin), min(one.end, other.end), 0.1):
        here, there = one.pose(float(time)), other.pose(float(time))
        if here and there and math.hypot(here.x - there.x, here.y - there.y) < 0.8 * (one.reach + other.reach):
            return False
    return True
