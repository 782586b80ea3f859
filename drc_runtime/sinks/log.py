"""One record for each frame: ages and latencies for the report and, if wanted, a file of JSON lines."""

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drc_runtime.errors import OutputError

if TYPE_CHECKING:
    pass


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
