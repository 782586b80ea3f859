"""What a person changes while a run goes on, from the window's keys or from the page; read by the loop once a frame."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

VIEWS = ("overlay", "mask", "side-by-side", "blur", "green")
"""What can always be looked at; the background that the run was started with comes before them."""
MOST_STEPS = 300


@dataclass(frozen=True)
class Settings:
    """One consistent set of values.

    Attributes:
        steps: Langevin steps a frame, 1 to ``MOST_STEPS``; None is what the run chose.
        threshold: probability, above 0 and below 1, from which on a pixel is foreground.
        view: what the window, the page and the virtual camera show; None is what the run was started with.
        paused: the loop waits before the next frame.
    """

    steps: int | None = None
    threshold: float = 0.5
    view: str | None = None
    paused: bool = False

    def __post_init__(self) -> None:
        """Refuses values out of range.

        Raises:
            ValueError: with the value's name and range.
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
    """Holds the settings; any thread may read and change them, and reading never waits.

    Args:
        settings: to begin with.
        views: names that ``view`` may take, the one that the run was started with first.
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
        """The name of what is shown now."""
        return self._settings.view or self.views[0]

    def change(self, **values: Any) -> Settings:
        """Sets some of the values, all or none of them.

        Raises:
            ValueError: a value is out of range.
            TypeError: there is no such setting.
        """
        with self._lock:
            settings = replace(self._settings, **values)
            if settings.view not in (None, *self.views):
                raise ValueError(f"view must be one of: {', '.join(self.views)}")
            self._settings = settings
            return settings

    def next_view(self) -> None:
        """Goes on to the view after the one that is shown, and from the last to the first."""
        self.change(view=self.views[(self.views.index(self.view) + 1) % len(self.views)])

    def toggle_pause(self) -> None:
        """Pauses, or goes on."""
        self.change(paused=not self._settings.paused)
