"""The progress of a run: one live line on a terminal, elsewhere a plain line now and then, and TensorBoard events.

The line has what a person can judge a run by: iteration, foreground share, log-posterior, time left. TensorBoard and
``report.html`` have all figures.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text
from torch.utils.tensorboard import SummaryWriter

from drc_runtime.images import Image
from drc_runtime.plain_text import plain
from drc_train.figures.write import write_images

PLAIN_EVERY = 30.0
"""Seconds between lines if the console is not a terminal."""


class Progress:
    """Shows the figures of each iteration and the time left, and writes the same to TensorBoard."""

    def __init__(self, out: Path, console: Console, records: bool = True) -> None:
        """Opens the event file.

        Args:
            out: the run's folder: event files go to ``out/tensorboard``, the newest grids to ``out``.
            console: shows the lines.
            records: False writes no files; for all but the first of several processes.
        """
        self._out, self._console = out, console
        self._board: SummaryWriter | None = None
        if records:
            self._board = SummaryWriter(str(out / "tensorboard"))  # type: ignore[no-untyped-call]
        self._live = Live(console=console, refresh_per_second=2, transient=True) if console.is_terminal else None
        self._printed = -PLAIN_EVERY

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        self._write("close")

    def show(self, iteration: int, figures: Mapping[str, float], left: float) -> None:
        """Shows one iteration.

        Args:
            iteration: its number.
            figures: by name, see ``Learner.step``.
            left: seconds until the run ends.
        """
        for name, value in figures.items():
            self._write("add_scalar", name, value, iteration)
        if self._live:
            self._live.update(Text(progress_line(iteration, figures, left), no_wrap=True, overflow="ellipsis"))
        elif time.monotonic() - self._printed >= PLAIN_EVERY:
            self._printed = time.monotonic()
            self.say(progress_line(iteration, figures, left))

    def say(self, message: str) -> None:
        """Prints a line that stays."""
        self._console.print(plain(message), highlight=False, markup=False, soft_wrap=True)

    def grids(self, iteration: int, images: Mapping[str, Image]) -> None:
        """Writes grids (``drc_train.figures.grids``) by name to TensorBoard and as ``NAME.png`` into the run's folder."""
        for name, image in images.items():
            self._write("add_image", name, image, iteration, dataformats="HWC")
        write_images(self._out, images)

    def _write(self, method: str, *arguments: Any, **options: Any) -> None:
        """Calls a method of the writer. A disk that refuses the events ends them, but not the run."""
        if self._board is None:
            return
        try:
            getattr(self._board, method)(*arguments, **options)
        except OSError as error:
            self._board = None
            self.say(f"no TensorBoard events from here on: {error.strerror or error}")


def progress_line(iteration: int, figures: Mapping[str, float], left: float) -> str:
    """One line of fewer than 78 columns, so that the ``^C`` of a terminal of 80 does not break it.

    Args:
        iteration: its number.
        figures: by name, see ``Learner.step``; what is missing is left out.
        left: seconds until the run ends; negative is 0.
    """
    parts = [f"iteration {iteration}"]
    if "foreground_share" in figures:
        parts.append(f"foreground {100 * figures['foreground_share']:.1f}%")
    if "log_posterior" in figures:
        parts.append(f"log-posterior {figures['log_posterior']:.1f}")
    elif "likelihood" in figures:  # of amortised inference, which has no posterior
        parts.append(f"log-likelihood {-figures['likelihood']:.4f}")
    seconds = int(max(left, 0))
    parts.append(f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d} left")
    return "  ".join(parts)
