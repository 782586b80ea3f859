"""One record for each frame: ages and latencies for the report and, if wanted, a file of JSON lines."""

import json
import os
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drc_runtime.errors import OutputError
from drc_runtime.video.frame import Frame, Sink, Source

if TYPE_CHECKING:
    from drc_runtime.extractor import Extraction

FRAMES_KEPT = 10_000  # the latest ones: a run may go on for weeks


class RunLog:
    """A file of JSON lines that is added to; every line is written at once, so that a killed run tears the last at most.

    Raises:
        OutputError: the file cannot be opened, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            size = os.fstat(self._handle).st_size
            if size:
                os.lseek(self._handle, -1, os.SEEK_END)
                if os.read(self._handle, 1) != b"\n":
                    os.write(
                        self._handle, b"\n"
                    )  # what an earlier run left torn must not take this one's first line along
        except OSError as error:
            raise OutputError(f"cannot write the log {path}: {error.strerror}; choose another place") from error

    def write(self, record: dict[str, Any]) -> None:
        """Adds one line, beginning with the time of day in seconds since 1970."""
        line = json.dumps({"time": round(time.time(), 3), **record}).encode() + b"\n"
        try:
            written = os.write(self._handle, line)
        except OSError as error:
            raise OutputError(f"cannot write the log {self._path}: {error.strerror}") from error
        if written != len(line):
            raise OutputError(f"cannot write the log {self._path}: the disk is full")

    def close(self) -> None:
        """Closes the file."""
        os.close(self._handle)


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
