"""The standard streams of the process: there, writable or harmless, whatever the parent has closed or filled up."""

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDIN, STDOUT, STDERR = 0, 1, 2


def prepare_standard_streams() -> None:
    """Opens the streams that are closed on the null device, and makes the others report or ignore a full disk.

    A closed stream must be opened: the next file that the process opens would get its number, and what a native library writes
    to stderr would end up in a user's video. What cannot be written to stdout is an OutputError; messages on stderr are
    dropped, because a run must not end for the sake of a message.
    """
    for number in (STDIN, STDOUT, STDERR):
        if _is_closed(number):
            _open_null_device(number)
    sys.stdin = sys.stdin or open(STDIN, encoding="utf-8", closefd=False)
    sys.stdout = _over(_Results(STDOUT, "w", closefd=False), sys.stdout)
    sys.stderr = _over(_Messages(STDERR, "w", closefd=False), sys.stderr, immediate=True)


def give_up_unwritten_output() -> None:
    """Writes what is left in stdout's buffer, or drops it: the interpreter's own flush at exit must not fail."""
    try:
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 - it has been reported, or there is nobody to report it to
        _open_null_device(STDOUT)


def _is_closed(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return True
    return False


def _open_null_device(number: int) -> None:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)


def _over(raw: io.FileIO, before: TextIO | None, *, immediate: bool = False) -> TextIO:
    """A text stream like ``before`` whose bytes go through ``raw``. No character fails: strange ones become escapes."""
    encoding = before.encoding if before else "utf-8"
    line_buffering = immediate or raw.isatty()
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=line_buffering)


class _Results(io.FileIO):
    """Stdout: a failed write is an OutputError, but for a reader that has gone away."""

    def write(self, data: "ReadableBuffer") -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            from drc_runtime.errors import OutputError

            raise OutputError(f"cannot write to standard output: {error.strerror or error}") from error


class _Messages(io.FileIO):
    """Stderr: a message that cannot be written is lost."""

    def write(self, data: "ReadableBuffer") -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes
