"""The log of a run: a file of JSON lines, one for each frame and one for each event."""

import json
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drc_runtime.errors import OutputError, UsageError
from drc_runtime.frames import Frame, Sink, Source

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction


FRAME_KEYS = frozenset(
    {"time", "frame", "seconds", "steps", "log_posterior", "foreground_share", "age_ms", "latency_ms", "state"}
    | {"reconnects", "dropped", "name", "agreement"}
)
EVENT_KEYS = frozenset({"time", "event"})
THING_KEYS = frozenset({"time", "seconds", "thing", "event", "box", "share", "present"})
"""Of a line of ``--events``."""
_LONGEST_LINE = 1 << 16


class RunLog:
    """A file to which JSON lines are appended. Each line is written at once, so a killed run truncates the last one at most.

    Lines are appended to a log of an earlier run; any other file is refused and stays as it is.

    Raises:
        UsageError: the file is there and is no log of drc.
        OutputError: the file cannot be opened, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                if not self._is_log():
                    raise UsageError(f"--log {path} is not a log of drc; choose another name")
                self._end_last_line()
            except BaseException:
                os.close(self._handle)
                raise
        except OSError as error:
            raise OutputError(f"cannot write the log {path}: {error.strerror}; choose another place") from error

    def write(self, record: dict[str, Any]) -> None:
        """Appends one line; its first key is ``time``, in seconds since 1970."""
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

    def _is_log(self) -> bool:
        """Whether nothing of a user's is in the file: it is empty, a device, or begins with a line of a log."""
        status = os.fstat(self._handle)
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return True
        os.lseek(self._handle, 0, os.SEEK_SET)
        line, end, _ = os.read(self._handle, _LONGEST_LINE).partition(b"\n")
        if not end:
            return line.startswith(b'{"time": ')  # a killed run truncated its only line
        try:
            values = json.loads(line)
        except ValueError:
            return False
        if not isinstance(values, dict):
            return False
        return (values.keys() <= FRAME_KEYS and "frame" in values) or values.keys() in (EVENT_KEYS, THING_KEYS)

    def _end_last_line(self) -> None:
        """A line that an earlier run left truncated must not damage the first line of this run."""
        status = os.fstat(self._handle)
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return
        os.lseek(self._handle, -1, os.SEEK_END)
        if os.read(self._handle, 1) != b"\n":
            os.write(self._handle, b"\n")


class LogSink(Sink):
    """Appends one record for each frame; belongs behind the sinks whose time the record gives.

    Args:
        log: is closed by its owner, because notices go into it too.
        source: its state is in each record.
    """

    def __init__(self, log: RunLog, source: Source) -> None:
        self._log, self._source = log, source

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        age = None if frame.captured is None else 1000 * (time.monotonic() - frame.captured)
        latency, value = dict(extraction.milliseconds), extraction.log_posterior
        if age is not None:
            # The rest of the age: the wait before extraction; drawing, encoding and the wait before them.
            latency["capture"] = (extraction.begun - (frame.captured or 0)) * 1000
            latency["output"] = age - latency["capture"] - sum(extraction.milliseconds.values())
        agreement = extraction.agreement
        of_an_image = {} if agreement is None else {"name": frame.name, "agreement": round(agreement, 4)}
        self._log.write(
            {
                "frame": frame.index,
                "seconds": round(frame.seconds, 6),
                "steps": extraction.steps,
                "log_posterior": None if value is None else round(value, 3),
                "foreground_share": round(extraction.foreground_share, 5),
                "age_ms": None if age is None else round(age, 2),
                "latency_ms": {name: round(value, 2) for name, value in latency.items()},
                "state": self._source.state,
                "reconnects": self._source.reconnects,
                "dropped": self._source.dropped,
                **of_an_image,
            }
        )

    def close(self) -> None:
        pass

    def discard(self) -> None:
        pass
