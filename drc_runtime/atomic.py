"""Atomic writes: a file or a folder is complete, or it is as it was before."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from drc_runtime.errors import OutputError
from drc_runtime.marks import mark
from drc_runtime.outputs import claim_of, temporary_name


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path in the same folder, and publishes it as ``path`` when the block ends without an error.

    The temporary file is new (no link is followed), its permissions are those of any new file (umask), and its name keeps the
    suffix. After an exception it is removed, and ``path`` is unchanged.

    Raises:
        OutputError: the folder does not exist, or the file cannot be written or may not be replaced, see
            ``drc_runtime.outputs``.
    """
    path = Path(path)
    temporary = temporary_name(path)
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another place") from error
    try:
        yield temporary
        publish(temporary, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # the reason is another one
            temporary.unlink(missing_ok=True)


def publish(temporary: Path, path: Path) -> None:
    """Marks a complete file as drc's (``drc_runtime.marks``), and gives it its name after it is on the disk.

    Raises:
        OSError: the disk refuses.
        OutputError: ``path`` may not be replaced, see ``drc_runtime.outputs``.
    """
    if temporary.is_file():
        mark(temporary, path.suffix.lower())
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
    claimed = claim_of(path)
    if claimed is not None:
        claim, name = claimed
        claim.publish(name, temporary)
    os.replace(temporary, path)


def atomic_write(path: Path, data: bytes) -> None:
    """Writes ``data`` to ``path`` atomically.

    Raises:
        OutputError: as ``atomic_path``.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yields a temporary folder beside ``folder``, which takes its place when the block ends without an error.

    Whether what stands there may be replaced is for the caller to check. After an exception it is as it was before.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = Path(folder).resolve()
    temporary = temporary_name(folder)
    try:
        try:
            temporary.mkdir()
            yield temporary
            _move_into_place(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}; choose another place") from error


def write_synced(path: Path, data: bytes) -> None:
    """Writes a new file, and waits until it is on the disk.

    Raises:
        OSError: it exists, or the disk refuses.
    """
    with open(path, "xb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())


def _move_into_place(temporary: Path, folder: Path) -> None:
    if not os.path.lexists(folder):
        os.rename(temporary, folder)
    else:
        aside = temporary.with_suffix(".old")
        os.rename(folder, aside)
        try:
            os.rename(temporary, folder)
        except OSError:
            os.rename(aside, folder)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    descriptor = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
