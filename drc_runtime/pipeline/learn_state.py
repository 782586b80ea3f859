"""The progress of ``drc run --learn``, as the learning process reports it and a person reads it."""

from collections.abc import Callable
from dataclasses import dataclass

DONE = "done"
"""The last phase of learning beside a run."""


@dataclass(frozen=True)
class LearnState:
    """Progress of learning.

    Attributes:
        phase: ``recording``, ``preparing``, ``learning`` or ``exporting``; ``done`` when learning beside a run has ended.
        done, total: frames while recording, otherwise seconds of the phase.
        detail: more figures, as text; of ``done``, the bundle that was taken over.
    """

    phase: str
    done: float
    total: float
    detail: str = ""

    def __str__(self) -> str:
        if self.phase == "recording":
            more = max(self.total - self.done, 0)
            return f"recording: {self.done:.0f} frames that differ, {more:.0f} more wanted{self.detail}"
        left = f", {minutes(self.total - self.done)} left" if self.total else ""
        return f"{self.phase}{left}{self.detail}"


LearnCallback = Callable[[LearnState], None]


def minutes(seconds: float) -> str:
    """A duration for a person: ``1:05 min``."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d} min"
