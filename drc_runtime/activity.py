"""What a command that takes longer than a moment is at: a live line on a terminal, elsewhere a plain line now and then."""

import threading
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console

from drc_runtime.plain_text import plain

if TYPE_CHECKING:
    from rich.progress import Progress

FIRST_AFTER = 2.0
"""Seconds of work before the first plain line: what is faster stays silent."""
PLAIN_EVERY = 30.0
"""Seconds between two plain lines about one phase, at first. The pause doubles with each line, up to ``PLAIN_AT_MOST``."""
PLAIN_AT_MOST = 600.0


class Report(Protocol):
    """Called by a long function each time there is something to say."""

    def __call__(self, phase: str, done: int = 0, total: int | None = None) -> None:
        """Reports how far the work is.

        Args:
            phase: such as ``compiling``. What follows a colon in it is a detail: with another detail the phase is not new.
            done: items done; 0 if they are not counted.
            total: items in all; None if unknown.
        """


def silent(phase: str, done: int = 0, total: int | None = None) -> None:
    """A ``Report`` that shows nothing."""


class Activity:
    """A ``Report`` as a context manager. On a terminal the line disappears at the end.

    Elsewhere a thread writes, so that a phase without reports, such as a compilation of minutes, is shown too: the phase at hand
    after ``FIRST_AFTER`` seconds, then each new phase at once, and one phase now and then.
    """

    def __init__(self, console: Console | None = None) -> None:
        """``console``: where it is shown; None is stderr."""
        self._console = console or Console(stderr=True)
        self._bar: Progress | None = None
        self._thread: threading.Thread | None = None
        self._wake, self._ended = threading.Condition(), False
        self._phase, self._done = "", 0
        self._total: int | None = None

    def __call__(self, phase: str, done: int = 0, total: int | None = None) -> None:
        """As ``Report``."""
        with self._wake:
            self._phase, self._done, self._total = phase, done, total
            self._wake.notify()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=self._text())

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.add_task(self._text())
            self._bar.start()
        elif not self._console.quiet:
            self._thread = threading.Thread(target=self._write_lines, name="activity", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._thread is not None:
            with self._wake:
                self._ended = True
                self._wake.notify()
            self._thread.join()

    def _text(self) -> str:
        if not self._done:
            return plain(self._phase)
        return f"{plain(self._phase)}: {self._done}" + (f" of {self._total}" if self._total else "")

    def _write_lines(self) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._ended, FIRST_AFTER)
            pause, shown = PLAIN_EVERY, ""
            while not self._ended:
                if self._phase:
                    self._console.print(f"drc: {self._text()}", highlight=False, markup=False, soft_wrap=True)
                shown = _name(self._phase)
                is_new = self._wake.wait_for(partial(self._has_left, shown), pause)
                pause = PLAIN_EVERY if is_new else min(2 * pause, PLAIN_AT_MOST)

    def _has_left(self, phase: str) -> bool:
        return self._ended or _name(self._phase) != phase


def _name(phase: str) -> str:
    return phase.partition(":")[0]
