"""A time limit for blocking calls that have none, such as a read from a camera that hangs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_SECONDS = 0.1


class Watchdog:
    """Calls ``act`` once, from its own thread, if a call takes longer than its limit. Precision: 0.1 seconds.

    Attributes:
        barked: whether ``act`` was called.
    """

    def __init__(self, act: Callable[[], None]) -> None:
        self.barked = False
        self._act = act
        self._deadline: float | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="drc-watchdog", daemon=True)
        self._thread.start()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Limits the time of the ``with`` block; cheap enough for every frame."""
        self._deadline = time.monotonic() + seconds
        try:
            yield
        finally:
            self._deadline = None

    def close(self) -> None:
        """Ends the thread."""
        self._done.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(LOOK_SECONDS):
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                self.barked = True
                self._act()
                return
