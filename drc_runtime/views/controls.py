"""The settings that the window's keys and the page change during a run. The loop reads them once a frame."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

OVERLAYS = ("overlay", "side-by-side")
"""The views that show the image with its foreground marked."""
VIEWS = ("overlay", "mask", "side-by-side", "blur", "green")
"""The views that every run has, in the order of the view key."""
MOST_STEPS = 300


@dataclass(frozen=True)
class Settings:
    """One consistent set of settings.

    Attributes:
        steps: Langevin steps a frame, 1 to ``MOST_STEPS``; None: the run's own number.
        threshold: pixels with at least this probability are foreground; above 0 and below 1.
        view: what the window, the page and the virtual camera show; None: the view of ``--background``.
        paused: whether the loop waits before the next frame.
    """

    steps: int | None = None
    threshold: float = 0.5
    view: str | None = None
    paused: bool = False

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ValueError: a value is out of range; the message has its name and range.
        """
        if self.steps is not None and not (type(self.steps) is int and 1 <= self.steps <= MOST_STEPS):
            raise ValueError(f"steps must be a whole number from 1 to {MOST_STEPS}")
        if type(self.threshold) not in (int, float) or not 0 < self.threshold < 1:
            raise ValueError("threshold must be a number between 0 and 1")
        if self.view is not None and type(self.view) is not str:
            raise ValueError("view must be a name")
        if type(self.paused) is not bool:
            raise ValueError("paused must be true or false")


class Controls:
    """The current settings. Thread-safe; reading never waits.

    Args:
        settings: the first settings.
        views: the names that ``view`` may have, that of ``--background`` first.
    """

    def __init__(self, settings: Settings | None = None, views: Sequence[str] = VIEWS) -> None:
        self.views = tuple(views)
        self._settings = settings or Settings()
        self._lock = threading.Lock()

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def view(self) -> str:
        """The name of the current view."""
        return self._settings.view or self.views[0]

    def change(self, **values: Any) -> Settings:
        """Changes the given settings: all of them, or none if one is invalid.

        Raises:
            ValueError: a value is out of range.
            TypeError: a setting is unknown.
        """
        with self._lock:
            settings = replace(self._settings, **values)
            if settings.view not in (None, *self.views):
                raise ValueError(f"view must be one of: {', '.join(self.views)}")
            self._settings = settings
            return settings

    def next_view(self) -> None:
        """Selects the next view; after the last, the first."""
        self.change(view=self.views[(self.views.index(self.view) + 1) % len(self.views)])

    def toggle_pause(self) -> None:
        """Pauses or continues."""
        self.change(paused=not self._settings.paused)
