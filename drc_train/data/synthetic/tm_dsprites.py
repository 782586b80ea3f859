"""Textured Multi-dSprites (appendix A.5).

2 or 3 sprites of one saturated colour each, apart from each other, in front of a randomly shifted texture from a bank
of 20 sinusoids. The paper's set is not published; this follows its description. The random numbers of an image depend on
``(seed, index)``: image 7 is the same in a set of 10 and in a set of 10,000. Training takes seeds from 1000 on, samples and
evaluation take smaller ones, so that no model is tested on images that it learned from.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from drc_train.data.synthetic.motion import move
from drc_train.data.synthetic.sprites import paint, random_layout

TEXTURES = 20
CYCLES = (2.0, 8.0)
"""Lowest and highest spatial frequency of a texture, cycles in an image width."""
CONTRAST = 0.4
"""Amplitude of the sinusoids around 0.5."""
_BANK_SEED = 20


def _make_bank() -> NDArray[np.float64]:
    """The wave vectors ``(20, 2)``, cycles in an image width in x and y: orientations and frequencies evenly spread."""
    orientations = math.pi * np.arange(TEXTURES) / TEXTURES
    cycles = np.geomspace(*CYCLES, TEXTURES)
    # Without the shuffle neighbouring orientations would have neighbouring frequencies.
    cycles = np.random.default_rng(_BANK_SEED).permutation(cycles)
    return np.stack([cycles * np.cos(orientations), cycles * np.sin(orientations)], 1)


BANK = _make_bank()
"""The wave vectors of the textures, the same for every seed: training and test images share their textures."""


def texture(index: int, phase: float, size: int) -> NDArray[np.float32]:
    """Texture ``index`` of the bank as a grey image ``(size, size, 3)`` in [0, 1]; ``phase`` in radians shifts it."""
    across = (np.arange(size) + 0.5) / size
    wave_x, wave_y = BANK[index]
    angle = 2 * math.pi * (wave_x * across[None, :] + wave_y * across[:, None]) + phase
    grey = (0.5 + CONTRAST * np.sin(angle)).astype(np.float32)
    return np.repeat(grey[..., None], 3, axis=2)


def draw_each(count: int, size: int, seed: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yields images ``(size, size, 3)`` uint8 RGB, each with its mask ``(size, size)`` uint8, 0 or 255."""
    for index in range(count):
        random = np.random.default_rng(np.random.SeedSequence([seed, index]))
        background = texture(int(random.integers(TEXTURES)), random.uniform(0, 2 * math.pi), size)
        yield paint(background, random_layout(random))


def draw(count: int, size: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images ``(count, size, size, 3)`` uint8 RGB and their masks ``(count, size, size)`` uint8, 0 or 255."""
    images = np.empty((count, size, size, 3), np.uint8)
    masks = np.empty((count, size, size), np.uint8)
    for index, (image, mask) in enumerate(draw_each(count, size, seed)):
        images[index], masks[index] = image, mask
    return images, masks


def draw_clip(frames: int, size: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Such an image in motion, for 25 frames a second; shapes and types as ``draw``.

    Sprites move straight, bounce off the borders and off each other and rotate slowly; the texture drifts.
    """
    random = np.random.default_rng(np.random.SeedSequence([seed, 0, 1]))
    index, phase = int(random.integers(TEXTURES)), random.uniform(0, 2 * math.pi)
    drift = random.choice([-1, 1]) * random.uniform(0.03, 0.08)
    images = np.empty((frames, size, size, 3), np.uint8)
    masks = np.empty((frames, size, size), np.uint8)
    for frame, sprites in enumerate(move(random_layout(random, discs=True), frames, random)):
        images[frame], masks[frame] = paint(texture(index, phase + drift * frame, size), sprites)
    return images, masks
