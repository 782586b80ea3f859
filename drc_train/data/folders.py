"""Folders of a data set that appear whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from drc_runtime.errors import OutputError, UsageError
from drc_runtime.outputs import check_place, claim_folder, remove_own, temporary_name, visible

_MOVED = ".moved.json"
"""In the hidden folder: the names that move up, so that those of a killed process are known as its own."""


@contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """Yields a hidden folder inside ``folder``; its contents move up when the block ends without an error.

    What a killed process left of such a folder is removed.

    Args:
        folder: made if it does not exist; it must be empty.

    Raises:
        UsageError: another process writes into the folder.
        OutputError: the folder is not empty, or the disk refuses.
    """
    _check(folder)
    with claim_folder("the folder", folder):
        try:
            _check(folder)
            stage = temporary_name(folder / "set")
            stage.mkdir()
        except OSError as error:
            raise OutputError(f"cannot write to {folder}: {error.strerror or error}; choose another place") from error
        try:
            yield stage
            names = sorted(os.listdir(stage))
            (stage / _MOVED).write_text(json.dumps(names))
            for name in names:
                os.replace(stage / name, folder / name)
        except OSError as error:
            raise OutputError(f"cannot write to {folder}: {error.strerror or error}") from error
        finally:
            shutil.rmtree(stage, ignore_errors=True)


def _check(folder: Path) -> None:
    """Refuses a folder that holds anything but what a killed process left."""
    try:
        check_place("the folder", folder)
    except UsageError as error:
        raise OutputError(f"cannot write to {folder}: it is a file; choose another place") from error
    names = visible(folder)
    moved: set[str] = set()
    for stage in folder.glob(".set.drc-*.part"):
        with suppress(OSError, ValueError):
            moved |= set(json.loads((stage / _MOVED).read_text()))
    if set(names) - moved:
        raise OutputError(f"{folder} is not empty; name a new folder")
    for name in names:
        remove_own(folder / name)
