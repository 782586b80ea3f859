"""The rate at which the frames of a live source arrive: what a stream states may be a guess, 25 where it states nothing."""

from drc_runtime.frames import Frame

SETTLING_SECONDS = 1.0
"""Not measured at first: a stream begins with the frames that its server has kept."""
WINDOW_SECONDS = 2.0
FEWEST_FRAMES = 5
"""A window is at least this many frames long, so that a slow stream is not measured by one interval."""


class RateMeter:
    """Measures one window after the other, by the frames' own times."""

    def __init__(self) -> None:
        self._settled: float | None = None
        self._start: tuple[int, float] | None = None

    def add(self, frame: Frame) -> float | None:
        """Takes the next frame; returns frames a second, dropped frames included, at the end of a window, otherwise None."""
        if frame.captured is None:
            return None
        if self._settled is None:
            self._settled = frame.captured + SETTLING_SECONDS
        if frame.captured < self._settled:
            return None
        if self._start is None:
            self._start = frame.index, frame.captured
        frames, seconds = frame.index - self._start[0], frame.captured - self._start[1]
        if seconds < WINDOW_SECONDS or frames < FEWEST_FRAMES:
            return None
        self._start = frame.index, frame.captured
        return frames / seconds

    def restart(self) -> None:
        """Begins again, after the source was lost."""
        self._settled = self._start = None
