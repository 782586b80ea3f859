"""The background of a fixed camera: state of the runtime, learned while it runs by online EM (docs/background.md)."""

from dataclasses import dataclass

import numpy as np

from drc_runtime.camera.pictures import Array, Plane, over_channels, shifted

START_FRAMES = 25
"""Until so many frames are there, the background is their median."""
MEMORY = 8.0
"""Seconds: the longest time constant of background and scale."""
LEAST_SCALE, START_SCALE, MOST_SCALE = 3.0, 8.0, 24.0
"""Grey levels: the smallest, the first and the largest scale of a pixel."""
SAME = 30.0
"""Grey levels, channels summed: two colours that are nearer are one state of a pixel."""
KNOWN_SECONDS = 30.0
"""Seconds: a background that was learned before gives way to what is seen for longer than this, or as a ghost."""
FOLLOW = np.float32(0.1)
"""How far the other state moves to each frame that shows it."""


@dataclass
class PixelStates:
    """The two states of each pixel: the background, and what is there instead (a majority vote by Boyer and Moore)."""

    other: Array
    """(h, w, 3): the colour that is not the background and was there most."""
    other_seconds: Array
    """(h, w): its votes."""
    background_seconds: Array
    """(h, w): how long the pixel has shown its background."""


class OnlineBackground:
    """The background picture and the scale of each pixel, with the M-step that moves them.

    All pictures are ``(h, w, 3)`` float32 in grey levels, at the network's size.

    Attributes:
        image: the background.
        scale: ``(h, w)``, the mean absolute deviation of a channel from the background.
        states: what each pixel has shown.
        seconds: that it has learned.
        frames: that it has seen after the first.
    """

    def __init__(self, image: Array) -> None:
        """Starts at the first frame."""
        self.image = image.copy()
        self.scale: Array = np.full(image.shape[:2], START_SCALE, np.float32)
        self.seconds = 0.0
        self.frames = 0
        self._age = 1
        self._first = [image.copy()]
        zeros = np.zeros(image.shape[:2], np.float32)
        self.states = PixelStates(image.copy(), zeros.copy(), zeros.copy())

    def know(self, image: Array) -> None:
        """Takes over a background that was learned before: as sure as if it had been seen for ``KNOWN_SECONDS``."""
        self.image = image.copy()
        self.scale[:] = START_SCALE
        self.seconds = KNOWN_SECONDS
        self.frames = max(self.frames, START_FRAMES)
        self._first.clear()
        self.states.background_seconds[:] = KNOWN_SECONDS
        self.states.other_seconds[:] = 0
        self.hurry()

    @property
    def starting(self) -> bool:
        """Whether the first frames are still being collected."""
        return self.frames < START_FRAMES

    def update(self, image: Array, lit: Array, responsibility: Array, seconds: float) -> None:
        """One M-step: Eq. 9 with the responsibilities fixed, a step of Robbins and Monro.

        Args:
            image: the frame.
            lit: the background under the frame's light.
            responsibility: ``(h, w)`` of the foreground, in [0, 1].
            seconds: since the last frame.
        """
        self.frames += 1
        self.seconds += seconds
        self._age += 1
        change = image - lit
        self._vote(self.image + change, responsibility > 0.5, np.float32(seconds))
        if self.starting:
            self._first.append(image.copy())
            self.image = np.asarray(np.median(np.stack(self._first), 0), np.float32)
            return
        self._first.clear()
        rate = min(max(1 / self._age, seconds / MEMORY), 1)
        weight = (1 - responsibility) * np.float32(rate)
        self.image += weight[..., None] * change
        deviation = np.minimum(over_channels(np.abs(change)) / np.float32(3), np.float32(MOST_SCALE))
        self.scale += weight * (deviation - self.scale)

    def hurry(self) -> None:
        """Learns as fast as at the start for a while, because the picture has changed as a whole."""
        self._age = START_FRAMES

    def move(self, x: float, y: float) -> None:
        """Moves the whole state along with a camera, by x and y pixels, and learns its edges anew."""
        self.image, self.scale = shifted(self.image, x, y), shifted(self.scale, x, y)
        states = self.states
        states.other = shifted(states.other, x, y)
        states.other_seconds = shifted(states.other_seconds, x, y)
        states.background_seconds = shifted(states.background_seconds, x, y)
        self.hurry()

    def replace(self, where: Plane, colour: Array) -> None:
        """Makes ``colour (h, w, 3)`` the background of the pixels ``where (h, w)``."""
        self.image[where] = colour[where]
        self.scale[where] = START_SCALE
        states = self.states
        states.background_seconds[where] = states.other_seconds[where]
        states.other_seconds[where] = 0

    def _vote(self, colour: Array, foreground: Plane, seconds: np.float32) -> None:
        states = self.states
        states.background_seconds[~foreground] += seconds
        if not foreground.any():
            return
        difference = colour - states.other
        near = over_channels(np.abs(difference)) < SAME
        hit, miss = foreground & near, foreground & ~near
        states.other_seconds[hit] += seconds
        states.other_seconds[miss] -= seconds
        states.other[hit] += FOLLOW * difference[hit]
        new = miss & (states.other_seconds <= 0)
        states.other[new] = colour[new]
        states.other_seconds[new] = seconds
