"""Things that come into a camera's view, drawn: figures that walk, vehicles, and shapes cut out of photographs."""

import math

import cv2
import numpy as np

from drc_runtime.images import Image
from drc_train.data.synthetic.cutouts import Floats, photograph

Random = np.random.Generator
TEXTURES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
FRACTION_BITS = 4
"""Of the corners' coordinates: sixteenths of a pixel."""


def colour_of(random: Random, low: float, high: float, count: int) -> tuple[float, ...]:
    """A colour of ``count`` channels between ``low`` and ``high``, mostly dull: few things in the world are saturated."""
    drawn = random.uniform(low, high, count)
    return tuple(float(it) for it in drawn.mean() + random.uniform(0, 1) ** 2 * (drawn - drawn.mean()))


def draw_thing(random: Random, side: int) -> tuple[Floats, Floats]:
    """Colour ``(side, side, 3)`` in grey levels and cover ``(side, side)`` in [0, 1] of one thing in a picture."""
    height = side * float(np.exp(random.uniform(math.log(0.1), math.log(0.9))))
    x, feet = random.uniform(-0.05, 1.05) * side, min(random.uniform(0.2, 1.0) * side + height / 3, 1.2 * side)
    kind = random.choice(3, p=[0.45, 0.3, 0.25])
    parts = (_figure, _vehicle, _shape)[kind](random)
    colour: Floats = np.zeros((side, side, 3), np.float32)
    alpha: Floats = np.zeros((side, side), np.float32)
    for outline, tone in parts:
        points = np.array(outline) * (height, -height) + (x, feet)
        layer = np.zeros((side, side), np.uint8)
        cv2.fillPoly(layer, [np.rint(points * 16).astype(np.int32)], 255, cv2.LINE_AA, FRACTION_BITS)
        cover = layer.astype(np.float32)[..., None] / np.float32(255)
        colour += cover * (_painted(random, tone, side) - colour)
        np.maximum(alpha, cover[..., 0], out=alpha)
    return colour, alpha


def _painted(random: Random, tone: tuple[float, ...], side: int) -> Floats:
    """A colour that changes over the surface; for one thing in four with the texture of a photograph."""
    slope = np.linspace(-1, 1, side, dtype=np.float32) * np.float32(random.uniform(-25, 25))
    shade = (slope[:, None] if random.random() < 0.5 else slope[None, :])[..., None]
    painted = np.ones((side, side, 3), np.float32) * np.array(tone, np.float32) + shade
    if random.random() < 0.25:
        photo: Image = photograph(str(random.choice(TEXTURES)))
        part = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
        painted = painted + np.float32(random.uniform(0.2, 0.8)) * (part - part.mean())
    return np.asarray(np.clip(painted, 0, 255), np.float32)


Parts = list[tuple[list[tuple[float, float]], tuple[float, ...]]]


def _ellipse(x: float, y: float, a: float, b: float) -> list[tuple[float, float]]:
    return [(x + a * math.cos(t), y + b * math.sin(t)) for t in np.linspace(0, 2 * math.pi, 24)]


def _figure(random: Random) -> Parts:
    """A person of height 1 who stands or walks, seen from any side."""
    trousers, shirt = colour_of(random, 15, 240, 3), colour_of(random, 15, 240, 3)
    skin = tuple(np.array([220, 175, 150]) * random.uniform(0.35, 1.1))
    hair = tuple(np.array([60, 45, 35]) * random.uniform(0.2, 3))
    wide, step, swing = random.uniform(0.1, 0.17), random.uniform(0, 0.2), random.uniform(-0.12, 0.12)
    legs: Parts = [
        ([(-wide / 1.6, 0.5), (wide / 6, 0.5), (s * step + 0.04, 0.0), (s * step - 0.05, 0.0)], trousers)
        for s in (-1, 1)
    ]
    legs += [([(-wide / 6, 0.5), (wide / 1.6, 0.5), (-swing + 0.05, 0.02), (-swing - 0.04, 0.02)], trousers)]
    torso: Parts = [
        (
            [
                (-wide, 0.8),
                (-wide * 0.8, 0.46),
                (wide * 0.8, 0.46),
                (wide, 0.8),
                (wide * 0.4, 0.86),
                (-wide * 0.4, 0.86),
            ],
            shirt,
        )
    ]
    arms: Parts = [
        (
            [
                (s * wide, 0.8),
                (s * wide + swing * s, 0.45),
                (s * wide + swing * s - 0.05 * s, 0.43),
                (s * wide * 0.7, 0.78),
            ],
            shirt,
        )
        for s in (-1, 1)
    ]
    return [*legs, *arms, *torso, (_ellipse(0, 0.92, 0.06, 0.08), skin), (_ellipse(0, 0.96, 0.062, 0.05), hair)]


def _vehicle(random: Random) -> Parts:
    """A car, van or truck of height 1, from the front or the side."""
    paint, glass = colour_of(random, 10, 245, 3), tuple(np.array([40, 45, 50]) * random.uniform(0.5, 2))
    half, roof = random.uniform(0.5, 1.4), random.uniform(0.4, 0.95)
    body: Parts = [([(-half, 0.12), (-half, 0.55), (half, 0.55), (half, 0.12)], paint)]
    body += [([(-half * roof, 0.5), (-half * roof * 0.85, 1.0), (half * roof * 0.85, 1.0), (half * roof, 0.5)], paint)]
    body += [
        (
            [
                (-half * roof * 0.85, 0.56),
                (-half * roof * 0.75, 0.92),
                (half * roof * 0.75, 0.92),
                (half * roof * 0.85, 0.56),
            ],
            glass,
        )
    ]
    wheels: Parts = [(_ellipse(s * half * 0.65, 0.13, 0.14, 0.14), (25.0, 25.0, 28.0)) for s in (-1, 1)]
    lamps: Parts = [(_ellipse(s * half * 0.8, 0.4, 0.08, 0.06), (240.0, 235.0, 210.0)) for s in (-1, 1)]
    return [*body, *wheels, *(lamps if random.random() < 0.5 else [])]


def _shape(random: Random) -> Parts:
    """A closed curve of 5 to 12 corners: an animal, a bag, a ball."""
    corners = int(random.integers(5, 13))
    angles = np.linspace(0, 2 * math.pi, corners, endpoint=False)
    radius = random.uniform(0.25, 0.5, corners)
    stretch = random.uniform(0.5, 2.0)
    outline = [
        (float(stretch * r * math.cos(t)), float(0.5 + r * math.sin(t))) for r, t in zip(radius, angles, strict=True)
    ]
    return [(outline, colour_of(random, 10, 245, 3))]
