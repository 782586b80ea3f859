"""How a run is ended from outside: Ctrl-C and SIGTERM once finish what is open, a second time they quit at once."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Ending:
    """While it is entered, the first signal raises KeyboardInterrupt if ``raising``; the second ends the process at once.

    Outside the main thread, where Python allows no handlers, it does nothing.

    Attributes:
        received: the first signal's number, or None.
        raising: whether the first signal raises; False while outputs are being finished.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.raising = True
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            os._exit(128 + number)
        self.received = number
        if self.raising:
            raise KeyboardInterrupt
