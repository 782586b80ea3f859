"""A time limit for blocking calls that have none, such as a read from a camera that hangs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_SECONDS = 0.1
LONGEST_LOOK_SECONDS = 1.0
"""Longer between two looks means that the process was stopped."""


class Watchdog:
    """Calls ``act`` once, from its own thread, if a call takes longer than its limit. Precision: 0.1 seconds.

    Time in which the whole process is stopped, such as by Ctrl-Z, does not count.

    Attributes:
        barked: whether ``act`` was called.
    """

    def __init__(self, act: Callable[[], None]) -> None:
        self.barked = False
        self._act = act
        self._left: list[float] | None = None  # one for each call, so that a look during its end spoils no other
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="drc-watchdog", daemon=True)
        self._thread.start()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Limits the time of the ``with`` block; cheap enough for every frame."""
        self._left = [seconds]
        try:
            yield
        finally:
            self._left = None

    def close(self) -> None:
        """Ends the thread."""
        self._done.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _look(self) -> None:
        last = time.monotonic()
        while not self._done.wait(LOOK_SECONDS):
            now = time.monotonic()
            passed, last = min(now - last, LONGEST_LOOK_SECONDS), now
            left = self._left
            if left is None:
                continue
            left[0] -= passed
            if left[0] < 0:
                self.barked = True
                self._act()
                return
