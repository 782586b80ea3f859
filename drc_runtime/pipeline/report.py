"""The result of a run."""

from dataclasses import dataclass, field
from pathlib import Path

from drc_runtime.sinks.statistics import Totals


@dataclass
class RunReport(Totals):
    """The result of a run: its totals, and how it went.

    Attributes:
        outputs: files and folders that were written.
        learned: the bundle that was learned first, or None.
        interrupted: whether Ctrl-C or SIGTERM ended the run; what is finished is kept.
        signal: the signal's number, or None.
    """

    outputs: list[Path] = field(default_factory=list)
    learned: Path | None = None
    interrupted: bool = False
    signal: int | None = None
