"""Files of the downloads: where a download lies, which of its images are wanted, and MATLAB lists."""

from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from scipy.io import loadmat

from drc_runtime.errors import SourceError
from drc_train.data.downloads.boxes import Box

LARGEST_LIST = 1 << 28
"""Bytes of a list of a download."""


class Item(NamedTuple):
    """One image of a download that has not been read yet."""

    split: str
    """``train`` or ``test``."""
    image: Path
    box: Box
    mask: PurePosixPath
    """The mask's path below the folder of masks, without a suffix."""


def find_root(root: Path, *names: str, layout: str) -> Path:
    """The folder that holds all ``names``: ``root``, or a folder in it, because some archives bring their own folder.

    Args:
        root: what the user named.
        names: files and folders that the download has.
        layout: one line that describes the expected folder, for the message.

    Raises:
        SourceError: the folder does not exist.
    """
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
    # The message names what is missing in the folder that has most of the download.
    found = max([root, *folders], key=lambda folder: sum((folder / name).exists() for name in names))
    missing = [name for name in names if not (found / name).exists()]
    if missing:
        raise SourceError(f"{found} has no {missing[0]}; expected {layout}")
    return found


def path_within(folder: Path, name: str, where: Path) -> Path:
    """``folder / name``; guards against a list in the download that names files outside of its folder.

    Args:
        folder: the folder that the list describes.
        name: an entry of the list.
        where: the list's file, for the message.

    Raises:
        SourceError: the name is absolute, empty, contains ``..`` or a character that no file name of the download has.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name or not name.isprintable() or "\\" in name:
        raise SourceError(f"{where} names {name[:80]!r}, which is no file below {folder}; download it again")
    return folder / path


def read_small(path: Path, limit: int) -> bytes:
    """The content of a plain file of a download, of at most ``limit`` bytes.

    Raises:
        SourceError: it is missing, a pipe or a device, larger, or cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise SourceError(f"{path} is not a plain file; unpack the download again")
        size = path.stat().st_size
        if size > limit:
            raise SourceError(f"{path} has {size} bytes, more than the {limit} of such a file; download it again")
        return path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"cannot read {path}: {error.strerror}; it is part of the download, unpack it again"
        ) from error


def load_mat(path: Path, variable: str) -> Any:
    """A variable of a MATLAB file, simplified to lists, dicts and arrays.

    Raises:
        SourceError: the file is missing, damaged, or without that variable.
    """
    if path.exists():
        read_small(path, LARGEST_LIST)
    try:
        return loadmat(str(path), appendmat=False, variable_names=[variable], simplify_cells=True)[variable]
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist; it is part of the download, unpack it again") from error
    except KeyError as error:
        raise SourceError(f"{path} has no variable {variable!r}; take the download's own file") from error
    except Exception as error:  # noqa: BLE001 - scipy raises anything from TypeError to zlib.error over damaged files
        raise SourceError(f"{path} is not a MATLAB file that can be read; download it again") from error
