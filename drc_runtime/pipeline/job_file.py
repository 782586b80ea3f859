"""The job file of an output folder: the settings of a run over a folder, and the hashes of its results and of their sources.

It is a hidden file of JSON lines, ``.drc-job.jsonl``. A line is appended before the result that it describes gets its name. Each
worker of a batch has a file of its own, because appending is not atomic on every network file system.
"""

import json
import os
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, NamedTuple

from drc_runtime.errors import OutputError

JOB_FILE = ".drc-job.jsonl"


class Result(NamedTuple):
    """One result of a job."""

    sha256: str
    """Of its content."""
    source: str
    """SHA-256 of what it was made from."""
    job: str
    """The job's identifier."""


@dataclass
class Earlier:
    """What the job files of a folder say."""

    job: str | None = None
    """Identifier of the last job; None if there was none."""
    settings: Any = None
    """Its settings."""
    results: dict[str, Result] = field(default_factory=dict)
    """The newest line about each result."""


def read_job_files(folder: Path) -> Earlier:
    """Reads the job files of a folder, which may be missing.

    Raises:
        OutputError: they cannot be read.
    """
    earlier = Earlier()
    try:
        for file in (folder / JOB_FILE, *sorted(folder.glob(".drc-job-*.jsonl"))):
            for line in file.read_bytes().splitlines() if file.is_file() else []:
                _read(line, earlier)
    except OSError as error:
        raise OutputError(f"cannot read {folder}: {error.strerror}; choose another place") from error
    return earlier


class JobFile:
    """The job file of ``folder`` that this process appends to.

    Args:
        folder: exists.
        writer: hexadecimal digits that distinguish workers of a batch.
    """

    def __init__(self, folder: Path, writer: str = "") -> None:
        self._file = folder / (f".drc-job-{writer}.jsonl" if writer else JOB_FILE)

    def begin(self, job: str, settings: Any) -> None:
        """Notes the settings of a job.

        Raises:
            OutputError: the disk refuses.
        """
        self._append({"job": job, "settings": settings})

    def add(self, name: str, result: Result) -> None:
        """Notes a result that is about to get its name.

        Raises:
            OutputError: the disk refuses.
        """
        self._append({"name": name, **result._asdict()})

    def _append(self, values: dict[str, Any]) -> None:
        line = json.dumps(values).encode() + b"\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        try:
            handle = os.open(self._file, flags, 0o666)
            try:
                complete = os.write(handle, line) == len(line)
            finally:
                os.close(handle)
        except OSError as error:
            raise OutputError(f"cannot write {self._file}: {error.strerror}") from error
        if not complete:
            raise OutputError(f"cannot write {self._file}: the disk is full")


def digest(path: Path) -> str:
    """SHA-256 of a file; of a folder, of the names and contents of its files but for hidden ones.

    Raises:
        OSError: it cannot be read.
    """
    if path.is_dir():
        parts = [f"{entry.name}/{digest(entry)}" for entry in sorted(path.iterdir()) if entry.name[0] != "."]
        return sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _read(line: bytes, earlier: Earlier) -> None:
    try:
        values = json.loads(line)
        if "settings" in values:
            earlier.job, earlier.settings = str(values["job"]), values["settings"]
        else:
            result = Result(str(values["sha256"]), str(values["source"]), str(values["job"]))
            earlier.results[str(values["name"])] = result
    except (ValueError, TypeError, KeyError):
        pass  # a full disk or a killed process truncated the line
