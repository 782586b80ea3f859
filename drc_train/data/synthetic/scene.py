"""The sample recording: a static camera above a paved table, objects that are moved across it, and exact masks.

Table and objects are the same for every seed (the same camera, another recording); paths, times and light depend on the seed.
The clip in ``samples`` has seed 1, evaluation 2, training 1000 and up. Shadows, camera noise and changing light are background.
"""

import math
from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.images import Image
from drc_train.data.synthetic.cutouts import Floats, cutouts, table
from drc_train.data.synthetic.visits import Pose, Visit, visits

RATE = 25
"""Frames a second."""
NOISE = 4.0
"""Standard deviation of the camera's noise, grey levels."""
SHADOW = 0.3
"""Fraction of the light that a shadow takes away."""
LIGHT = 0.1
"""Largest relative change of brightness, up or down."""


def draw_scene(
    frames: int, height: int, width: int, seed: int, *, every: int = 1
) -> Iterator[tuple[Image, NDArray[np.uint8]]]:
    """Draws a recording at 25 frames a second. A frame depends on the seed and its index only, not on ``frames``.

    Args:
        frames: length of the recording in frames.
        height: pixels; the photographs suit 240.
        width: pixels; four thirds of the height, otherwise objects appear or vanish inside of the frame.
        seed: decides paths, times, light and noise.
        every: yields only the frames 0, ``every``, 2 ``every``, ...

    Yields:
        The image ``(height, width, 3)`` uint8 RGB and the mask ``(height, width)`` uint8, 0 or 255.
    """
    groups = visits(np.random.default_rng(np.random.SeedSequence([seed, 0, 0])))
    group = next(groups)
    light = _Light(np.random.default_rng(np.random.SeedSequence([seed, 0, 1])))
    for frame in range(0, frames, every):
        time = frame / RATE
        while time >= max(visit.end for visit in group):
            group = next(groups)
        image, covered = _compose(group, time, height, width)
        noise = np.random.default_rng(np.random.SeedSequence([seed, frame, 2]))
        image = image * light.at(time)
        image += NOISE * noise.standard_normal(image.shape, dtype=np.float32)
        yield (
            np.clip(np.rint(image), 0, 255).astype(np.uint8),
            np.where(covered >= 0.5, 255, 0).astype(np.uint8),
        )


class _Light:
    """Slow changes of brightness, and slight changes of colour temperature."""

    def __init__(self, random: np.random.Generator):
        self._periods = random.uniform(5, 20, 3)
        self._phases = random.uniform(0, 2 * math.pi, 3)

    def at(self, time: float) -> Floats:
        first, second, warmth = np.sin(2 * math.pi * time / self._periods + self._phases)
        gain = 1 + LIGHT * (0.6 * first + 0.4 * second)
        return (gain * np.array([1 + 0.015 * warmth, 1, 1 - 0.015 * warmth])).astype(np.float32)


def _compose(group: list[Visit], time: float, height: int, width: int) -> tuple[Floats, Floats]:
    """The scene without light and noise ``(height, width, 3)`` in [0, 255], and the objects' coverage of each pixel in [0, 1]."""
    image = table(height, width)
    covered = np.zeros((height, width), np.float32)
    for visit in group:
        pose = visit.pose(time)
        if pose is None:
            continue
        layer = _place(visit.index, pose, height, width)
        alpha = layer[..., 3]
        if not alpha.any():
            continue
        # The lamp is at the upper left, so shadows fall to the lower right; those of higher objects are softer.
        fall = cutouts()[visit.index].lift * height
        shadow = cv2.warpAffine(alpha, np.array([[1, 0, fall], [0, 1, fall]], np.float32), (width, height))
        shadow = cv2.GaussianBlur(shadow, (0, 0), 0.6 * fall + 0.004 * height)
        image = image * (1 - SHADOW * np.asarray(shadow, np.float32))[..., None]
        image = image * (1 - alpha[..., None]) + layer[..., :3]
        covered = 1 - (1 - covered) * (1 - alpha)
    return image, covered


@cache
def _scaled(index: int, height: int) -> Floats:
    """The object at its span in frames of ``height``: ``(h, w, 4)``, colour times alpha in [0, 255], alpha in [0, 1].

    Scaling down by area first prevents aliasing, because the pose then hardly changes the size.
    """
    cutout = cutouts()[index]
    layers = np.concatenate([cutout.colour, cutout.alpha[..., None]], 2)
    scale = cutout.span * height / layers.shape[0]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(layers, None, fx=scale, fy=scale, interpolation=method), np.float32)


def _place(index: int, pose: Pose, height: int, width: int) -> Floats:
    """The object alone at its pose, ``(height, width, 4)``: colour times alpha in [0, 255], alpha in [0, 1]."""
    layers = _scaled(index, height)
    cosine, sine = pose.size * math.cos(pose.angle), pose.size * math.sin(pose.angle)
    matrix = np.array([[cosine, -sine, 0], [sine, cosine, 0]])
    middle = np.array([(layers.shape[1] - 1) / 2, (layers.shape[0] - 1) / 2])
    target = np.array([(width - 1) / 2 + pose.x * height, (height - 1) / 2 + pose.y * height])
    matrix[:, 2] = target - matrix[:, :2] @ middle
    return np.asarray(cv2.warpAffine(layers, matrix, (width, height), flags=cv2.INTER_LINEAR), np.float32)
