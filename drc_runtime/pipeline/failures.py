"""Frames on which the network fails: a live source and a folder survive some of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from drc_runtime.errors import EngineError
from drc_runtime.frames import Frame, Source

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction

MOST_FAILURES_IN_A_ROW = 10
"""After this many consecutive frames on which the network failed, the run ends."""
FAILURES_KEPT = 100
"""Lines in a report: a run may go on for weeks."""


class Failures:
    """Counts the failures of one source.

    Attributes:
        lines: one for each frame on which the network failed, at most ``FAILURES_KEPT``.
    """

    def __init__(self, source: Source) -> None:
        self.lines: list[str] = []
        self._survives = source.live or (source.is_still and source.count != 1)
        self._in_a_row = 0

    def attempt(self, frame: Frame, extract: "Callable[[Frame], Extraction]") -> "Extraction | None":
        """``extract`` of a frame; None if the network failed on it and the run goes on.

        Raises:
            EngineError: the network failed, on a source that does not survive that or ``MOST_FAILURES_IN_A_ROW`` times.
        """
        try:
            extraction = extract(frame)
        except EngineError as error:
            self._in_a_row += 1
            if not self._survives or self._in_a_row >= MOST_FAILURES_IN_A_ROW:
                raise
            if len(self.lines) < FAILURES_KEPT:
                self.lines.append(f"{frame.name}: {error}")
            return None
        self._in_a_row = 0
        return extraction
