"""Many fixed cameras, drawn: what the bundled model for any camera learns from, without a label.

Each scene is a place made of scikit-image's public-domain and CC0 photographs, with figures, vehicles and other things in
front of it, their shadows, noise, blur and JPEG coding, and regions that never stand still. A frame comes with the background
and the scale that a camera's state would have for it, each slightly wrong. The random numbers depend on ``(seed, index)`` only.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.machine import available_cores
from drc_train.data.observations import Observation, observe
from drc_train.data.synthetic.cutouts import Floats, photograph
from drc_train.data.synthetic.things import Random, colour_of, draw_thing

FRAMES_OF_A_SCENE = 8
PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "grass.png", "gravel.png"),
    *("hubble_deep_field.jpg", "moon.png", "rocket.jpg"),
)
DRAWN = 2
"""A frame is drawn at this many times its size, coded, and scaled down."""
SAMPLES = 4
"""Empty frames from which the scale is taken."""


class Place(NamedTuple):
    """An empty scene."""

    image: Floats
    """(h, w, 3) in grey levels."""
    restless: Floats
    """(h, w) in [0, 1]: where leaves, water or a screen move."""
    noise: float
    """Standard deviation in grey levels."""
    quality: int
    """Of the JPEG coding."""
    shadow: float
    """Light that a shadow leaves, in [0.4, 1]."""
    direction: tuple[float, float]
    """Of the shadows: shear and height, in heights of the thing."""


def draw_fixed_cameras(count: int, size: int, seed: int) -> Iterator[tuple[Observation, NDArray[np.uint8]]]:
    """Draws ``count`` observations ``(size, size, 7)`` uint8 with their masks ``(size, size)``, 0 or 255, on all cores."""
    scenes = -(-count // FRAMES_OF_A_SCENE)
    with ThreadPoolExecutor(available_cores()) as pool:
        drawn = chain.from_iterable(pool.map(lambda scene: _draw_scene(scene, size, seed), range(scenes)))
        yield from islice(drawn, count)


def _draw_scene(scene: int, size: int, seed: int) -> list[tuple[Observation, NDArray[np.uint8]]]:
    place = draw_place(np.random.default_rng([seed, scene, 0]), DRAWN * size)
    randoms = [np.random.default_rng([seed, scene, 1, it]) for it in range(SAMPLES)]
    empty = np.stack([_taken(place.image, place, random, size) for random in randoms])
    background = np.asarray(np.median(empty, 0), np.float32)
    deviation = np.abs(empty - background).mean((0, 3), dtype=np.float32) * np.float32(SAMPLES / (SAMPLES - 1))
    scale = np.maximum(cv2.GaussianBlur(deviation, (0, 0), 1.0), np.float32(1))
    result = []
    for frame in range(FRAMES_OF_A_SCENE):
        random = np.random.default_rng([seed, scene, 2, frame])
        full, covered = _populated(place, random)
        image = _taken(full, place, random, size)
        mask = cv2.resize(covered, (size, size), interpolation=cv2.INTER_AREA)
        gain, offset = 1 + 0.02 * random.standard_normal(3), 1.5 * random.standard_normal(3)
        given = (background * gain + offset).astype(np.float32)
        seen = observe(np.clip(np.rint(image), 0, 255).astype(np.uint8), given, np.asarray(scale, np.float32))
        result.append((seen, np.where(mask >= 0.5, 255, 0).astype(np.uint8)))
    return result


def draw_place(random: Random, side: int) -> Place:
    """An empty scene of ``side`` pixels: a wall, mostly a floor, and things that belong there."""
    image = _crop(random, side, side)
    if random.random() < 0.7:
        horizon = int(side * random.uniform(0.2, 0.7))
        image[horizon:] = _crop(random, side - horizon, side)
    for _ in range(int(random.integers(0, 12))):
        _furnish(image, random)
    restless = np.zeros((side, side), np.float32)
    if random.random() < 0.3:
        centre = tuple(int(it) for it in random.uniform(0, side, 2))
        axes = tuple(int(it) for it in random.uniform(0.1, 0.4, 2) * side)
        cv2.ellipse(restless, centre, axes, 0, 0, 360, 1.0, -1)
    return Place(
        image,
        np.asarray(cv2.GaussianBlur(restless, (0, 0), side / 32), np.float32),
        float(random.uniform(1, 8)),
        int(random.integers(35, 96)),
        float(random.uniform(0.4, 0.9)) if random.random() < 0.8 else 1.0,
        (float(random.uniform(-1.5, 1.5)), float(random.uniform(-0.5, 0.5))),
    )


def _crop(random: Random, height: int, width: int) -> Floats:
    """A part of a photograph with other colours, contrast and brightness."""
    photo = photograph(str(random.choice(PHOTOGRAPHS)))
    if photo.ndim == 2:
        photo = np.repeat(photo[..., None], 3, 2)
    share = random.uniform(0.3, 1.0)
    h, w = (max(8, int(share * length)) for length in photo.shape[:2])
    top, left = (int(random.integers(0, length - part + 1)) for length, part in zip(photo.shape, (h, w), strict=False))
    part = cv2.resize(photo[top : top + h, left : left + w], (width, height), interpolation=cv2.INTER_AREA)
    grey = np.asarray(part, np.float32).mean(2, keepdims=True)
    part = grey + random.uniform(0, 1.3) * (part - grey)
    level = part.mean()
    return np.asarray(
        np.clip(
            (part - level) * random.uniform(0.2, 1.0) * random.uniform(0.8, 1.2, 3) + random.uniform(50, 210), 0, 255
        ),
        np.float32,
    )


def _furnish(image: Floats, random: Random) -> None:
    side = len(image)
    top, left = (int(it) for it in random.uniform(-0.2, 0.9, 2) * side)
    height, width = (int(it) for it in random.uniform(0.04, 0.5, 2) * side)
    colour = colour_of(random, 20, 235, 3)
    if random.random() < 0.5:
        cv2.rectangle(image, (left, top), (left + width, top + height), colour, int(random.choice([-1, 1, 2, 4])))
    else:
        cv2.ellipse(image, (left, top), (width // 2, height // 2), float(random.uniform(0, 180)), 0, 360, colour, -1)


def _populated(place: Place, random: Random) -> tuple[Floats, Floats]:
    """The place with things and their shadows; the share of each pixel that a thing covers."""
    image, side = place.image, len(place.image)
    covered = np.zeros((side, side), np.float32)
    things = [draw_thing(random, side) for _ in range(int(random.choice(5, p=[0.15, 0.35, 0.25, 0.15, 0.1])))]
    for _, alpha in things:
        image = image * (1 - (1 - place.shadow) * _cast(alpha, place, random))[..., None]
    for colour, alpha in things:
        image = image * (1 - alpha[..., None]) + colour * alpha[..., None]
        covered = np.maximum(covered, alpha)
    return image, covered


def _cast(alpha: Floats, place: Place, random: Random) -> Floats:
    """The shadow of a thing on the floor: sheared, flattened about its feet, and soft."""
    rows = np.flatnonzero(alpha.max(1) > 0.5)
    feet = float(rows[-1]) if len(rows) else 0.0
    shear, height = place.direction
    matrix = np.array([[1, -shear, shear * feet], [0, height, feet * (1 - height)]], np.float32)
    shadow = cv2.warpAffine(alpha, matrix, alpha.shape[::-1])
    return np.asarray(cv2.GaussianBlur(shadow, (0, 0), float(random.uniform(0.5, 3))), np.float32)


def _taken(image: Floats, place: Place, random: Random, size: int) -> Floats:
    """What the camera makes of a picture: movement of what is restless, light, noise, coding, the network's size."""
    if place.restless.any():
        shift = random.normal(0, 2, 2)
        moved = cv2.warpAffine(
            image,
            np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32),
            image.shape[1::-1],
            borderMode=cv2.BORDER_REFLECT,
        )
        weight = place.restless[..., None]
        image = image * (1 - weight) + moved * weight
    image = image + place.noise * random.standard_normal(image.shape, np.float32)
    levels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    coded = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, place.quality])[1]
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(cv2.resize(decoded, (size, size), interpolation=cv2.INTER_AREA), np.float32)
