"""Keeps two processes from one output. The lock is the kernel's: it is free as soon as its process is gone."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from drc_runtime.errors import OutputError, UsageError

try:
    import fcntl
except ImportError:  # Windows: two processes into one output are not noticed
    fcntl = None  # type: ignore[assignment]


@contextmanager
def lock(path: Path, what: str, *, is_left: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Locks a folder, or a file that is made for this and removed at the end.

    Args:
        path: an existing folder, or the file.
        what: how messages call the output.
        is_left: tells at the end whether the file stays.

    Raises:
        UsageError: another process has the lock.
        OutputError: the file cannot be written.
    """
    try:
        descriptor = _acquire(path)
    except OSError as error:
        raise OutputError(f"cannot write {what}: {error.strerror}; choose another place") from error
    if descriptor is None:
        raise UsageError(f"another drc writes {what}: wait until it has finished, or choose another place")
    try:
        yield
    finally:
        with suppress(OSError):
            if stat.S_ISREG(os.fstat(descriptor).st_mode) and not is_left():
                path.unlink()
        os.close(descriptor)


def _acquire(path: Path) -> int | None:
    """A descriptor that holds the lock; None if another process has it."""
    while True:
        flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(path, flags, 0o666)
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # Network file systems lock no folders: there, other processes are not noticed.
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                os.close(descriptor)
                return None
        # The process that had the lock may have removed its file after it was opened here.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        os.close(descriptor)
