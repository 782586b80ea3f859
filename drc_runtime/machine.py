"""This machine: usable cores, memory of the process, and a one-line description for measurements."""

import os
import platform
from pathlib import Path


def available_cores() -> int:
    """Number of cores that this process may use; in a container often fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
