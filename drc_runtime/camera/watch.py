"""Watches the camera itself: moved, covered, without colour, lost; each is noticed within a second and answered."""

from dataclasses import dataclass, field

import numpy as np

from drc_runtime.camera.background import OnlineBackground
from drc_runtime.camera.pictures import Array, over_channels, to_grey
from drc_runtime.camera.shift import find_shift

CONFIRM_SECONDS = 0.2
"""What has lasted this long is noticed."""
MOVED = 0.3
"""Pixels of the network: a smaller shift is left to the M-step."""
EXPLAINED = 0.8
"""A shift leaves at most this share of the residual."""
SAME_SHIFT = 0.3
"""Pixels: as far may the shift of a frame be from those before."""
LOOK_EVERY = 3
"""Frames between two looks for a shift."""
COVERED_TEXTURE, COVERED_LIKENESS = 0.5, 0.3
"""The camera is covered if less than this share of the background's contrast is left, and the rest does not look like it: the
correlation is below the second. Less light alone leaves the correlation."""
GREY_CHROMA, COLOUR_CHROMA = 2.0, 6.0
"""Grey levels, mean difference of a channel from grey: below the first a picture is grey, above the second it has colour."""
DARK_TEXTURE = 1.5
"""Grey levels, standard deviation: a picture below it shows nothing."""
JUMP = 20.0
"""Grey levels of a middle grey, within ``JUMP_SECONDS``: a change of the light that is told."""
JUMP_SECONDS = 1.0
FROZEN_SECONDS = 1.0
"""A camera has noise: the same picture for so long comes from one that has stopped."""


@dataclass
class CameraWatch:
    """Looks at a frame before its E-step.

    Attributes:
        notices: lines for the user, to be taken away by the caller.
        adapts: whether the M-step may run: not while the camera is covered or shows nothing.
        grey: whether the camera shows no colour though the background has some.
    """

    notices: list[str] = field(default_factory=list)
    adapts: bool = True
    grey: bool = False
    _covered: float = 0.0
    _dark: float = 0.0
    _colourless: float = 0.0
    _shifts: list[tuple[float, float]] = field(default_factory=list)
    _shifted: float = 0.0
    _told: frozenset[str] = frozenset()
    _frames: int = 0
    _level: float | None = None
    _last: Array | None = None
    _frozen: float = 0.0

    def look(self, image: Array, lit: Array, sure: Array, background: OnlineBackground, seconds: float) -> bool:
        """Notices what has happened to the camera, and moves the background along with a camera that was moved.

        Args:
            image: the frame ``(h, w, 3)`` in grey levels.
            lit: the background under its light.
            sure: ``(h, w)`` in [0, 1], how sure a pixel is background: by the frame before.
            background: the state, changed in place by a shift.
            seconds: since the frame before.

        Returns:
            Whether ``lit`` no longer holds: the background has moved, or is to be compared in grey.
        """
        if background.starting:
            return False
        texture, known = float(image.std()), float(background.image.std())
        self._dark = self._dark + seconds if texture < DARK_TEXTURE and known > 2 * DARK_TEXTURE else 0.0
        covered = texture < COVERED_TEXTURE * known and _likeness(image, background.image) < COVERED_LIKENESS
        self._covered = self._covered + seconds if covered else 0.0
        dark, hidden = self._dark >= CONFIRM_SECONDS, self._covered >= CONFIRM_SECONDS
        self._tell("dark", dark, "the camera shows nothing: no signal, or no light", "the camera shows a picture again")
        self._tell("covered", hidden and not dark, "the camera is covered", "the camera is free again")
        self.adapts = not (self._dark or self._covered)
        without = _chroma(image) < GREY_CHROMA and _chroma(background.image) > COLOUR_CHROMA and texture > DARK_TEXTURE
        self._colourless = self._colourless + seconds if without else 0.0
        changed, self.grey = self.grey != without, without
        self._tell(
            "grey",
            self._colourless >= CONFIRM_SECONDS,
            "the camera shows no colour: compared in grey",
            "colour is back",
        )
        self._frozen = self._frozen + seconds if self._last is not None and np.array_equal(image, self._last) else 0.0
        self._last = image
        self._tell(
            "frozen",
            self._frozen >= FROZEN_SECONDS,
            "the camera sends the same picture again and again",
            "it moves again",
        )
        self._frames += 1
        if not self.adapts or self._frames % LOOK_EVERY:
            return changed
        return self._follow_shift(image, lit, sure, background, LOOK_EVERY * seconds) or changed

    def light(self, gain: float, offset: float, seconds: float) -> None:
        """Tells of a sudden change of the light, given as gain and offset, means of the channels."""
        level = 128 * gain + offset
        if self._level is None:
            self._level = level
        self._tell("light", abs(level - self._level) > JUMP, "the light has changed", "")
        self._level += min(seconds / JUMP_SECONDS, 1) * (level - self._level)

    def _follow_shift(
        self, image: Array, lit: Array, sure: Array, background: OnlineBackground, seconds: float
    ) -> bool:
        x, y, left = find_shift(lit, image, sure)
        if max(abs(x), abs(y)) < MOVED or left > EXPLAINED:
            self._shifts.clear()
            self._shifted = 0.0
            return False
        if self._shifts and max(abs(x - self._shifts[-1][0]), abs(y - self._shifts[-1][1])) > SAME_SHIFT:
            self._shifts.clear()
            self._shifted = 0.0
        self._shifts.append((x, y))
        self._shifted += seconds
        if self._shifted >= CONFIRM_SECONDS:
            x, y = (float(it) for it in np.median(self._shifts, 0))
            background.move(x, y)
            self._shifts.clear()
            self._shifted = 0.0
            percent = 100 * float(np.hypot(x, y)) / image.shape[1]
            self.notices.append(f"the camera has moved by {percent:.1f} % of the picture; its background follows")
            return True
        return False

    def _tell(self, what: str, now: bool, begins: str, ends: str) -> None:
        if now and what not in self._told:
            self._told |= {what}
            self.notices.append(begins)
        elif not now and what in self._told:
            self._told -= {what}
            if ends:
                self.notices.append(ends)


def _likeness(first: Array, second: Array) -> float:
    """The correlation of two pictures."""
    a, b = first - first.mean(), second - second.mean()
    return float((a * b).mean() / max(float(a.std() * b.std()), 1e-6))


def _chroma(picture: Array) -> float:
    return float((over_channels(np.abs(picture - to_grey(picture))) / 3).mean())
