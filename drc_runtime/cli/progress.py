"""What a command says on stderr while it works: learning, frames done, and notices."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from drc_runtime.pipeline.learn_state import DONE, LearnState
from drc_runtime.pipeline.options import Callbacks
from drc_runtime.plain_text import plain

if TYPE_CHECKING:
    from rich.status import Status

PLAIN_EVERY = 30.0
"""Seconds between two lines about one phase of learning where stderr is not a terminal."""


@contextmanager
def reporting() -> Iterator[Callbacks]:
    """Callbacks that write to stderr: live lines on a terminal, elsewhere a line now and then."""
    if not sys.stderr.isatty():
        from drc_runtime.activity import Activity

        with Activity() as activity:
            yield Callbacks(partial(activity, "frames"), _PlainLearning().show, _print_notice)
        return
    terminal = _Terminal()
    try:
        yield Callbacks(terminal.progress, terminal.learning, terminal.notice)
    finally:
        terminal.close()


def _print_notice(line: str) -> None:
    print(f"drc: {plain(line)}", file=sys.stderr, flush=True)


class _PlainLearning:
    """Prints each new phase at once, and how far it is every ``PLAIN_EVERY`` seconds."""

    def __init__(self) -> None:
        self._phase, self._printed = "", 0.0

    def show(self, state: LearnState) -> None:
        now = time.monotonic()
        if state.phase == DONE:
            return
        if state.phase != self._phase or now - self._printed >= PLAIN_EVERY:
            _print_notice(str(state))
            self._phase, self._printed = state.phase, now


class _Terminal:
    """A status line while a model is learned before the run, then a progress bar; notices scroll above them."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (
            BarColumn(),
            TaskProgressColumn(show_speed=True),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self._console = Console(stderr=True)
        self._bar = Progress(*columns, console=self._console, transient=True)
        self._task = self._bar.add_task("", total=None)
        self._status: Status | None = None

    def progress(self, done: int, total: int | None) -> None:
        self._end_learning()
        self._bar.start()
        self._bar.update(self._task, completed=done, total=total)

    def learning(self, state: LearnState) -> None:
        from rich.text import Text

        if self._bar.live.is_started:  # beside a run
            self._bar.update(self._task, description="" if state.phase == DONE else plain(str(state)))
            return
        if state.phase == DONE:
            return
        text = Text(f"drc: {plain(str(state))}", no_wrap=True)
        if self._status is None:
            self._status = self._console.status(text)
            self._status.start()
        self._status.update(text)

    def notice(self, line: str) -> None:
        self._console.out(f"drc: {plain(line)}", highlight=False)

    def close(self) -> None:
        self._end_learning()
        self._bar.stop()

    def _end_learning(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
