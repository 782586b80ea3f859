"""The state of one fixed camera: background, light and scale before a frame's E-step, and the M-step after it."""

from dataclasses import dataclass

import numpy as np

from drc_runtime.camera.adaptation import Adaptation
from drc_runtime.camera.background import START_SCALE, OnlineBackground
from drc_runtime.camera.ghosts import GhostFinder
from drc_runtime.camera.light import Light
from drc_runtime.camera.pictures import Array, to_grey
from drc_runtime.camera.plain import plain_log_odds
from drc_runtime.camera.watch import CameraWatch

FITS = 0.5
"""A background that was learned before fits a frame if it explains this share of the pixels."""


@dataclass(frozen=True)
class View:
    """What is known of a frame before its E-step."""

    image: Array
    """(h, w, 3) in grey levels; without its colours while the camera shows none."""
    background: Array
    """(h, w, 3): the background under the frame's light."""
    scale: Array
    """(h, w): the mean absolute deviation of a channel from the background, in grey levels."""


class FixedCamera:
    """Call ``look`` with a frame, run the E-step with what it returns, and call ``learn`` with the responsibility.

    Attributes:
        background: what is behind everything.
        light: of the last frame.
        watch: what happened to the camera.
    """

    def __init__(self, image: Array, adaptation: Adaptation = Adaptation()) -> None:  # noqa: B008 - frozen
        """Starts at the first frame ``(h, w, 3)`` in grey levels."""
        self.background = OnlineBackground(image)
        self.light = Light()
        self.watch = CameraWatch()
        self._ghosts = GhostFinder(adaptation.absorb)
        self._what = adaptation.what
        self._sure = np.ones(image.shape[:2], np.float32)
        self._view: View | None = None

    def know(self, background: Array, image: Array) -> bool:
        """Takes over a background that was learned before, if it explains a frame.

        Args:
            background: ``(h, w, 3)`` in grey levels.
            image: the frame, likewise.

        Returns:
            Whether it explains at least ``FITS`` of the pixels under the frame's light, and was taken.
        """
        light = Light()
        light.fit(image, background, np.ones(image.shape[:2], np.float32))
        scale = np.full(image.shape[:2], START_SCALE, np.float32)
        if float((plain_log_odds(image, light.on(background), scale) < 0).mean()) < FITS:
            return False
        self.background.know(background)
        self.light = light
        self._sure = np.ones(image.shape[:2], np.float32)
        return True

    def look(self, image: Array, seconds: float) -> View:
        """Estimates the light of a frame, and sees whether the camera has moved.

        Args:
            image: ``(h, w, 3)`` in grey levels.
            seconds: since the frame before.
        """
        if self._what == "nothing" and not self.background.starting:
            self._view = View(image, self.background.image.copy(), self.background.scale)
            return self._view
        known = self.background.image
        if self.watch.grey:
            known = to_grey(known)
        self.light.fit(image, known, self._sure)
        lit = self.light.on(known)
        if self.watch.look(image, lit, self._sure, self.background, seconds):
            known = to_grey(self.background.image) if self.watch.grey else self.background.image
            self.light.fit(image, known, self._sure)
            lit = self.light.on(known)
        if not self.background.starting:
            self.watch.light(float(self.light.gain.mean()), float(self.light.offset.mean()), seconds)
        self._view = View(image, lit, self.background.scale)
        return self._view

    def learn(self, responsibility: Array, seconds: float) -> None:
        """The M-step after the E-step of the last frame.

        Args:
            responsibility: ``(h, w)`` of the foreground, in [0, 1].
            seconds: since the frame before.
        """
        assert self._view is not None, "look comes first"
        image, lit = self._view.image, self._view.background
        self._sure = 1 - responsibility
        if self._what != "all" and not self.background.starting:
            return
        if not self.watch.adapts or self.watch.grey:
            return
        self.background.update(image, lit, responsibility, seconds)
        self._ghosts.replace(self.background, image, lit, responsibility, seconds)
