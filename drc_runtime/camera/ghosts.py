"""Which of a region's two states is the background: the one without an edge along its outline, or the one seen longer."""

from collections.abc import Iterator

import cv2
import numpy as np

from drc_runtime.camera.background import SAME, OnlineBackground
from drc_runtime.camera.pictures import Array, Plane, grey_plane, over_channels

START_SECONDS = 1.0
"""Before that the background is a median, and nothing is replaced."""
STILL = 24.0
"""Grey levels, channels summed: a pixel that changes less from frame to frame stands still."""
STILL_SECONDS = 0.3
STILL_SHARE = 0.8
"""A region stands still if this share of its pixels has stood still for ``STILL_SECONDS``."""
LEAST_PIXELS = 4
GHOST = 1.5
"""Edges of the background along the outline / edges of the frame there: above this the region is a ghost."""
OBJECT = 0.5
"""Below this it is an object, which stays foreground."""
PROVISIONAL = 10.0
"""Seconds: a background that was seen for less gives way to a state that was seen for longer."""
_AROUND = np.ones((3, 3), np.uint8)


class GhostFinder:
    """Replaces the background where it shows something that is not there any more, or where a thing stays."""

    def __init__(self, absorb: float | None) -> None:
        """``absorb``: seconds after which a thing that stays becomes background; None: never."""
        self._absorb = absorb
        self._last: Array | None = None
        self._still: Array | None = None

    def replace(
        self, background: OnlineBackground, image: Array, lit: Array, responsibility: Array, seconds: float
    ) -> None:
        """Replaces what is wrong. After ``OnlineBackground.update``, with its arguments."""
        foreground = responsibility > 0.5
        still = self._stand(image, foreground, seconds)
        if background.seconds < START_SECONDS or not foreground.any():
            return
        edges, colour = _Edges(image, lit), background.image + (image - lit)
        for region in _regions(foreground, still, LEAST_PIXELS, STILL_SHARE):
            if edges.ratio(region) > GHOST:
                grown = cv2.dilate(region.astype(np.uint8), _AROUND) > 0
                background.replace(grown, colour)
        states = background.states
        longer = (states.other_seconds > states.background_seconds) & (states.background_seconds < PROVISIONAL)
        longer &= states.other_seconds > START_SECONDS
        if self._absorb is not None:
            longer |= states.other_seconds > self._absorb
        longer &= foreground & (over_channels(np.abs(colour - states.other)) < SAME)
        for region in _regions(longer, longer, 1, 0):
            absorbed = self._absorb is not None and bool((states.other_seconds[region] > self._absorb).all())
            if absorbed or edges.ratio(region) > OBJECT:
                background.replace(region, colour)

    def _stand(self, image: Array, foreground: Plane, seconds: float) -> Plane:
        """Where something of the foreground has stood still for long enough."""
        if self._last is None or self._still is None:
            self._still = np.zeros(foreground.shape, np.float32)
        else:
            moved = over_channels(np.abs(image - self._last)) > STILL
            self._still += np.float32(seconds)
            self._still[moved | ~foreground] = 0
        self._last = image.copy()
        return np.asarray(self._still > STILL_SECONDS)


class _Edges:
    """Compares the edges of frame and background along a region's outline."""

    def __init__(self, image: Array, lit: Array) -> None:
        self._pictures = image, lit
        self._found: tuple[Array, Array] | None = None

    def ratio(self, region: Plane) -> float:
        """Mean edge of the background along the outline, divided by that of the frame."""
        if self._found is None:
            self._found = _edges(self._pictures[0]), _edges(self._pictures[1])
        mask = region.astype(np.uint8)
        outline = cv2.dilate(mask, _AROUND) > cv2.erode(mask, _AROUND)
        frame, background = (float(edges[outline].mean(dtype=np.float64)) for edges in self._found)
        return (background + 1) / (frame + 1)


def _edges(picture: Array) -> Array:
    grey = grey_plane(np.clip(picture, np.float32(0), np.float32(255)))
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _regions(mask: Plane, marked: Plane, least: int, share: float) -> Iterator[Plane]:
    """The connected regions of ``mask`` of at least ``least`` pixels of which at least ``share`` are ``marked``."""
    if not mask.any():
        return
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    marks = np.bincount(labels[marked & mask], minlength=count)
    for label in range(1, count):
        area = int(statistics[label, cv2.CC_STAT_AREA])
        if area >= least and marks[label] >= share * area:
            yield labels == label
