"""What a person changes while a run goes on, from the window's keys or from the page; read by the loop once a frame."""

import threading
from dataclasses import dataclass, replace
from typing import Any

VIEWS = ("overlay", "mask", "background")
"""The mask over the frame, the mask alone, the frame before the background that was asked for."""
MOST_STEPS = 300


@dataclass(frozen=True)
class Settings:
    """One consistent set of values.

    Attributes:
        steps: Langevin steps a frame, 1 to ``MOST_STEPS``; None is what the run chose.
        threshold: of the probability for binary masks, above 0 and below 1.
        view: one of ``VIEWS``; None is what the run was started with.
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
        if self.view is not None and self.view not in VIEWS:
            raise ValueError(f"view must be one of: {', '.join(VIEWS)}")
        if type(self.paused) is not bool:
            raise ValueError("paused must be true or false")


class Controls:
    """Holds the settings; any thread may read and change them, and reading never waits for long."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._lock = threading.Lock()

    @property
    def settings(self) -> Settings:
        return self._settings

    def change(self, **values: Any) -> Settings:
        """Sets some of the values, all or none of them.

        Raises:
            ValueError: a value is out of range.
            TypeError: there is no such setting.
        """
        with self._lock:
            self._settings = replace(self._settings, **values)
            return self._settings
