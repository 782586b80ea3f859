"""Ctrl-C, SIGTERM and SIGHUP (a closed terminal): the first ends a run in order, the second ends the process at once."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from drc_runtime.pipeline.unanswered import UnansweredSignals

ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class GracefulShutdown:
    """A context manager in which the first signal raises KeyboardInterrupt if ``raising``; the second ends the process.

    Outside the main thread, where Python allows no signal handlers, it does nothing. A SIGHUP that is ignored, as under nohup,
    stays ignored.

    Attributes:
        received: the first signal's number, or None.
        raising: whether the first signal raises; set it to False while outputs are completed.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.raising = True
        self._before: dict[int, Any] = {}
        self._watch: UnansweredSignals | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if number not in (signal.SIGINT, signal.SIGTERM) and signal.getsignal(number) == signal.SIG_IGN:
                    continue
                self._before[number] = signal.signal(number, self._handle)
            self._watch = UnansweredSignals(frozenset(self._before), lambda: self.received is not None)
            self._watch.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watch is not None:
            self._watch.__exit__()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            os._exit(128 + number)
        self.received = number
        if self.raising:
            raise KeyboardInterrupt
