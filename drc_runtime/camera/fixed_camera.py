"""The state of one fixed camera: background, light and scale before a frame's E-step, and the M-step after it."""

from dataclasses import dataclass

import numpy as np

from drc_runtime.camera.adaptation import Adaptation
from drc_runtime.camera.background import Array, OnlineBackground
from drc_runtime.camera.ghosts import GhostFinder
from drc_runtime.camera.light import Light


@dataclass(frozen=True)
class View:
    """What is known of a frame before its E-step."""

    image: Array
    """(h, w, 3) in grey levels."""
    background: Array
    """(h, w, 3): the background under the frame's light."""
    scale: Array
    """(h, w): the mean absolute deviation of a channel from the background, in grey levels."""


class FixedCamera:
    """Call ``look`` with a frame, run the E-step with what it returns, and call ``learn`` with the responsibility."""

    def __init__(self, image: Array, adaptation: Adaptation = Adaptation()) -> None:  # noqa: B008 - frozen
        """Starts at the first frame ``(h, w, 3)`` in grey levels."""
        self.background = OnlineBackground(image)
        self.light = Light()
        self.replaced = 0
        self._ghosts = GhostFinder(adaptation.absorb)
        self._what = adaptation.what
        self._sure = np.ones(image.shape[:2], np.float32)
        self._view: View | None = None

    def look(self, image: Array) -> View:
        """Estimates the light of the frame ``(h, w, 3)``, in grey levels."""
        if self._what == "nothing" and not self.background.starting:
            self._view = View(image, self.background.image.copy(), self.background.scale)
            return self._view
        self.light.fit(image, self.background.image, self._sure)
        lit = self.light.gain * self.background.image + self.light.offset
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
        self.background.update(image, lit, responsibility, seconds)
        self.replaced = self._ghosts.replace(self.background, image, lit, responsibility, seconds)
