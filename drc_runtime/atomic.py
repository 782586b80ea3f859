"""Files appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drc_runtime.errors import OutputError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path`` that takes its place when the block ends without an error.

    The temporary name keeps the suffix, because encoders choose the container by it. The file is synced to the disk
    before it is renamed; on any exception it is removed and ``path`` is left as it was.

    Raises:
        OutputError: the folder does not exist, or the disk refuses the file.
    """
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}.", suffix=f".part{path.suffix}", dir=path.parent)
        os.close(handle)
        os.chmod(name, 0o644)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another place") from error
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write(path: Path, data: bytes) -> None:
    """Writes ``data`` to ``path`` in one step.

    Raises:
        OutputError: as ``atomic_path``.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
