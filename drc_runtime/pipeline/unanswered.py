"""Ends a process whose main thread does not answer a signal, because native code does not return to Python."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

PATIENCE = 10.0
"""Seconds for the main thread to notice a signal: a step of the largest model takes under one."""


class UnansweredSignals:
    """A context manager of the main thread in which a signal that stays unanswered ends the process.

    Python runs a signal's handler only between two of its own instructions, so a run of a model that does not return would hold
    Ctrl-C and SIGTERM back. But the interpreter writes a signal's number to a file descriptor at once, and a thread reads it.

    Args:
        numbers: the signals that end a run.
        answered: whether the handler of one of them has run.
    """

    def __init__(self, numbers: frozenset[int], answered: Callable[[], bool]) -> None:
        self._numbers, self._answered = numbers, answered
        self._reading, self._writing = socket.socketpair()
        self._writing.setblocking(False)
        self._closed = threading.Event()
        self._before = -1

    def __enter__(self) -> Self:
        self._before = signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, name="drc-signals", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._before)
        self._closed.set()
        self._writing.close()  # the end of what the thread reads

    def _watch(self) -> None:
        received = 0
        with self._reading:
            while data := self._reading.recv(64):
                for number in data:
                    if number not in self._numbers:
                        continue
                    received += 1
                    if received > 1:  # as its handler would
                        os._exit(128 + number)
                    threading.Thread(target=self._wait, args=(number,), name="drc-signal", daemon=True).start()

    def _wait(self, number: int) -> None:
        """Ends the process if the first signal is not answered in time."""
        if self._closed.wait(PATIENCE) or self._answered():
            return
        with suppress(OSError, ValueError):  # a closed stream
            print("drc: the model does not answer; ended without completing the outputs", file=sys.stderr, flush=True)
        os._exit(128 + number)
