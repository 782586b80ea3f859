"""How a run is doing: the figures that the window and the page show."""

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drc_runtime.frames import Frame, Sink, Source
from drc_runtime.machine import resident_bytes
from drc_runtime.sinks.log import RunLog

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction

LATEST = 150
"""Of so many latest frames: a few seconds, so that a figure follows what happens."""


@dataclass(frozen=True)
class Figures:
    """A moment of a run.

    Attributes:
        state, reconnects, dropped: of the source, see ``Source``.
        frames: that came out so far.
        fps: frames a second over the latest ones; None before the second.
        age_p50, age_p95: milliseconds from a live frame's capture to the end of its outputs; None for other sources.
        steps: Langevin steps of the latest frame.
        failures: items that could not be read, and frames on which the network failed.
        memory: resident bytes of this process; None where the system does not tell.
        seconds: since the run began.
    """

    state: str
    reconnects: int
    dropped: int
    frames: int
    fps: float | None
    age_p50: float | None
    age_p95: float | None
    steps: int
    failures: int
    memory: int | None
    seconds: float


class Health(Sink):
    """The last of a run's sinks, which any thread may ask for figures.

    Args:
        source: whose state is told.
        failures: the list to which the run adds a line for each frame that failed.
    """

    def __init__(self, source: Source, failures: list[str]) -> None:
        self._source, self._failures = source, failures
        self._lock = threading.Lock()
        self._times: deque[float] = deque(maxlen=LATEST)
        self._ages: deque[float] = deque(maxlen=LATEST)
        self._frames = self._steps = 0
        self._begun = time.monotonic()

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        now = time.monotonic()
        with self._lock:
            self._times.append(now)
            if frame.captured is not None:
                self._ages.append(1000 * (now - frame.captured))
            self._frames += 1
            self._steps = extraction.steps

    def figures(self) -> Figures:
        """What is known now."""
        with self._lock:
            times, frames, steps = list(self._times), self._frames, self._steps
            age_p50, age_p95 = percentiles(self._ages)
        return Figures(
            state=self._source.state,
            reconnects=self._source.reconnects,
            dropped=self._source.dropped,
            frames=frames,
            fps=(len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else None,
            age_p50=age_p50,
            age_p95=age_p95,
            steps=steps,
            failures=len(self._failures) + len(self._source.failures),
            memory=resident_bytes(),
            seconds=time.monotonic() - self._begun,
        )

    def close(self) -> None:
        pass

    def discard(self) -> None:
        pass


FRAMES_KEPT = 10_000  # the latest ones: a run may go on for weeks


class Meter(Sink):
    """The last of a run's sinks: what it sees is done. Ages are taken here, and records written.

    Attributes:
        ages: milliseconds from a live frame's capture to the end of its last output, of the latest frames.
    """

    def __init__(self, source: Source, log: RunLog | None) -> None:
        self.ages: deque[float] = deque(maxlen=FRAMES_KEPT)
        self._source, self._log = source, log

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        age = None if frame.captured is None else 1000 * (time.monotonic() - frame.captured)
        if age is not None:
            self.ages.append(age)
        if self._log is None:
            return
        latency = dict(extraction.milliseconds)
        if age is not None:
            # what is left of the age: the wait in the slot, and then drawing and encoding with their wait
            latency["capture"] = (extraction.begun - (frame.captured or 0)) * 1000
            latency["output"] = age - latency["capture"] - sum(extraction.milliseconds.values())
        self._log.write(
            {
                "frame": frame.index,
                "seconds": round(frame.seconds, 6),
                "steps": extraction.steps,
                "log_posterior": round(extraction.log_posterior, 3),
                "foreground_share": round(extraction.foreground_share, 5),
                "age_ms": None if age is None else round(age, 2),
                "latency_ms": {name: round(value, 2) for name, value in latency.items()},
                "state": self._source.state,
                "reconnects": self._source.reconnects,
                "dropped": self._source.dropped,
            }
        )

    def close(self) -> None:
        pass

    def discard(self) -> None:
        pass


def percentiles(values: deque[float]) -> tuple[float, float] | tuple[None, None]:
    """The 50th and the 95th, or None where there are no values."""
    if not values:
        return None, None
    p50, p95 = np.percentile(values, [50, 95])
    return float(p50), float(p95)
