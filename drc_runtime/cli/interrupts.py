"""Ctrl-C before a command has begun and after it has ended: the process leaves at once, with exit code 130."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

CODE = 130
"""Exit code of a program that Ctrl-C ended."""


def install_interrupt_handler() -> None:
    """Makes Ctrl-C raise KeyboardInterrupt, except while a module is imported, when it ends the process at once.

    Native packages turn a KeyboardInterrupt inside their import into an ImportError or a printed traceback, and imports take
    most of a command's first second, when nothing has been written yet. An ignored SIGINT (nohup, a shell's background job)
    stays ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def leave_on_interrupt() -> None:
    """Makes Ctrl-C end the process at once, for the time in which the interpreter shuts down."""
    if signal.getsignal(signal.SIGINT) is _interrupt:
        signal.signal(signal.SIGINT, _leave)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _is_importing(frame):
        _leave(number, frame)
    raise KeyboardInterrupt


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(CODE)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
