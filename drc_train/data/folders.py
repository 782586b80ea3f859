"""Folders of a data set that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drc_runtime.errors import OutputError


@contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """Yields a hidden folder inside ``folder``; its contents move up when the block ends without an error.

    Args:
        folder: made if it does not exist; it must be empty.

    Raises:
        OutputError: the folder is not empty, or the disk refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise OutputError(f"{folder} is not empty; name a new folder")
        stage = Path(tempfile.mkdtemp(prefix=".part-", dir=folder))
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}; choose another place") from error
    try:
        yield stage
        for entry in sorted(stage.iterdir()):
            os.replace(entry, folder / entry.name)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
