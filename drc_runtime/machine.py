"""This machine: usable cores, memory of the process, and a one-line description for measurements."""

import os
import platform
from pathlib import Path

from drc_runtime.errors import UsageError

MOST_THREADS_PER_CORE = 4
"""More threads only wait for each other, and thousands take the machine down."""


def available_cores() -> int:
    """Number of cores that this process may use; in a container often fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_threads(threads: int | None) -> None:
    """Checks a number of threads: from 1 to four for each usable core; None is always right.

    Raises:
        UsageError: it is out of this range.
    """
    most = MOST_THREADS_PER_CORE * available_cores()
    if threads is not None and not 1 <= threads <= most:
        raise UsageError(f"--threads {threads}: use 1 to {most}, which is {MOST_THREADS_PER_CORE} for each usable core")


def machine_name() -> str:
    """Processor, usable cores and operating system in one line. Every recorded measurement has it."""
    cores = available_cores()
    return f"{_processor()}, {cores} usable core{'s' * (cores > 1)}, {platform.system()} {platform.machine()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):
            return value.strip()
    return platform.processor() or "unknown processor"


def resident_bytes() -> int | None:
    """Resident memory of this process in bytes; None on systems without ``/proc``."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
