"""What a command may write: one rule for every command.

A path is written only if it is new, or if drc wrote it and ``--overwrite`` was given. Only files that drc wrote are deleted.

A command claims its outputs before it works: the place is checked, and other processes are kept from it. Every atomic write into
a claimed output (``drc_runtime.atomic``) is checked against the rule. ``drc_runtime.marks`` tells which files drc wrote.
"""

import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from hashlib import sha256
from pathlib import Path

from drc_runtime.errors import OutputError, UsageError
from drc_runtime.lock import is_locked, lock
from drc_runtime.marks import is_marked

NOT_OURS = "was not written by drc, or was changed since"
_PART = re.compile(r"\..*\.drc-[0-9a-f]{16}\.part(\..*)?", re.DOTALL)
_HIDDEN = re.compile(r"\.drc-job(-[0-9a-f]+)?\.jsonl|\..*\.drc-lock", re.DOTALL)

IsOwn = Callable[[Path], bool]
"""Tells from a file's content that drc wrote it."""


class State(Enum):
    """What stands at a path."""

    MISSING = "missing"
    EMPTY = "empty"
    """A file without content: nothing can be lost."""
    OURS = "ours"
    """Written by drc, and not changed since."""
    FOREIGN = "foreign"


def state_of(path: Path, is_own: IsOwn = is_marked) -> State:
    """What stands at a path. A folder is ours if all that it holds is, and a link never.

    Raises:
        OutputError: it cannot be read.
    """
    try:
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode):
            states = {state_of(entry, is_own) for entry in path.iterdir()}
            return State.FOREIGN if not states or State.FOREIGN in states else State.OURS
        if not stat.S_ISREG(status.st_mode):
            return State.FOREIGN
        if not status.st_size:
            return State.EMPTY
        return State.OURS if is_own(path) else State.FOREIGN
    except (FileNotFoundError, NotADirectoryError):
        return State.MISSING
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror}; choose another place") from error


class Claim:
    """An output of this process: a file, or a folder and what is in it.

    Args:
        path: of the file or folder.
        is_folder: which of the two.
        overwrite: files that drc wrote may be replaced.
        is_own: tells which ones these are.

    Attributes:
        replaceable: names that may be replaced in any case, because only a damaged result stands there.
        on_publish: called with the name and the complete content of each file before it gets its name.
    """

    def __init__(self, path: Path, *, is_folder: bool, overwrite: bool, is_own: IsOwn) -> None:
        self.path = path
        self.folder = (path if is_folder else path.parent).resolve()
        self.is_folder = is_folder
        self.overwrite = overwrite
        self.replaceable: set[str] = set()
        self.on_publish: Callable[[str, Path], None] = lambda name, content: None
        self._is_own = is_own

    def name_of(self, path: Path) -> str | None:
        """The name of an output relative to the folder; None if it is not part of this claim, or is hidden and temporary."""
        place = path.parent.resolve() / path.name
        if not self.is_folder:
            return path.name if place == self.folder / self.path.name else None
        if not place.is_relative_to(self.folder):
            return None
        parts = place.relative_to(self.folder).parts
        return "/".join(parts) if parts and not any(part.startswith(".") for part in parts) else None

    def publish(self, name: str, content: Path) -> None:
        """Checks and notes that ``content`` is about to get the name ``name``.

        Raises:
            OutputError: something stands there that may not be replaced.
        """
        if name not in self.replaceable:
            state = state_of(self.folder / name, self._is_own)
            if state is State.FOREIGN:
                raise OutputError(f"{self.folder / name} {NOT_OURS}; move it away, or choose another place")
            if state is State.OURS and not self.overwrite:
                raise OutputError(f"{self.folder / name} appeared meanwhile; choose another name, or add --overwrite")
        self.replaceable.add(name)  # what this process wrote
        self.on_publish(name, content)

    def remove(self, is_result: Callable[[str], bool]) -> None:
        """Removes the results of an earlier run that drc wrote, so that none of a longer one is left among those of this one."""
        for name in visible(self.folder) if self.is_folder and self.overwrite else []:
            path = self.folder / name
            if is_result(name) and state_of(path, self._is_own) is State.OURS:
                remove_own(path)


def claim_of(path: Path) -> tuple[Claim, str] | None:
    """The claim that an output belongs to, the latest one, and its name there."""
    for claim in reversed(_claims):
        name = claim.name_of(path)
        if name is not None:
            return claim, name
    return None


@contextmanager
def claim_file(
    option: str, path: Path, *, overwrite: bool = False, part: Path | None = None, is_own: IsOwn = is_marked
) -> Iterator[Claim]:
    """Claims one file.

    Args:
        option: how messages call it.
        path: its folder must exist.
        overwrite: whether an existing file may be replaced, if drc wrote it.
        part: where its writer keeps what is incomplete, if not under a name of ``temporary_name``.
        is_own: tells whether drc wrote it.

    Raises:
        UsageError: the rule forbids it, or another process has claimed it.
        OutputError: the place cannot be written.
    """
    check_file(option, path, overwrite, part, is_own)
    file = lock_file(path)
    with lock(file, f"{option} {path}", is_left=lambda: part is not None and _exists(part)):
        check_file(option, path, overwrite, None, is_own)  # another process may have completed it meanwhile
        remove_temporaries(path.parent, f".{path.stem[:40]}.drc-")
        with _registered(Claim(path, is_folder=False, overwrite=overwrite, is_own=is_own)) as claim:
            yield claim


@contextmanager
def claim_folder(
    option: str, folder: Path, *, overwrite: bool = False, exclusive: bool = True, is_own: IsOwn = is_marked
) -> Iterator[Claim]:
    """Claims a folder and what is written into it; the folder is made, and removed again if nothing is written.

    Args:
        option: how messages call it.
        folder: may be missing, its parents too.
        overwrite: whether files in it may be replaced, if drc wrote them.
        exclusive: False for a process that works for another one, which has claimed the folder.
        is_own: tells whether drc wrote a file.

    Raises:
        UsageError: another process has claimed it.
        OutputError: the place cannot be written.
    """
    check_place(option, folder)
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}; choose another place") from error
    claim = Claim(folder, is_folder=True, overwrite=overwrite, is_own=is_own)
    try:
        if not exclusive:
            with _registered(claim):
                yield claim
            return
        with lock(folder, f"{option} {folder}"):
            remove_temporaries(folder)
            with _registered(claim):
                yield claim
    finally:
        with suppress(OSError):  # not empty
            for place in missing:
                place.rmdir()


def check_file(option: str, path: Path, overwrite: bool, part: Path | None = None, is_own: IsOwn = is_marked) -> None:
    """Refuses a file that the rule protects or that cannot be written; the arguments are those of ``claim_file``.

    Raises:
        UsageError: it is a folder; it exists and ``overwrite`` is False; drc did not write it.
        OutputError: its folder is missing or cannot be written.
    """
    if path.is_dir():
        raise UsageError(f"{option} {path} is a folder; name a file")
    if not path.parent.is_dir():
        what = "is a file" if path.parent.exists() else "does not exist"
        raise OutputError(f"cannot write {path}: the folder {path.parent} {what}; choose another place")
    if _exists(path):
        if not overwrite:
            raise UsageError(f"{option} {path} exists; choose another name or add --overwrite")
        if state_of(path, is_own) is State.FOREIGN:
            raise UsageError(f"{option} {path} {NOT_OURS}; move it away or choose another name")
    if part is not None and _exists(part):
        # A run that ended before it completed the video left its lock file too.
        if part.is_symlink() or not part.is_file() or not lock_file(path).exists():
            raise UsageError(f"{part} {NOT_OURS}; move it away or choose another name")
        if is_locked(lock_file(path)):
            raise UsageError(f"another drc writes {option} {path}: wait until it has finished, or choose another place")
        if not overwrite:
            raise UsageError(f"{part} was left by an interrupted run; move it away or add --overwrite")
    _check_writable(path.parent, path)


def check_place(option: str, folder: Path) -> None:
    """Refuses a folder that cannot be made or written.

    Raises:
        UsageError: it is a file.
        OutputError: it cannot be made or written.
    """
    if _exists(folder) and not folder.is_dir():
        raise UsageError(f"{option} {folder} is a file; name a folder")
    place = next(place for place in (folder, *folder.absolute().parents) if _exists(place))
    if not place.is_dir():
        raise OutputError(f"cannot write to {folder}: {place} is a file; choose another place")
    _check_writable(place, folder)


def check_replaced_folder(what: str, folder: Path, overwrite: bool) -> bool:
    """Refuses a place where a folder cannot be written as a whole (``drc_runtime.atomic.atomic_folder``).

    Returns:
        Whether something stands there, of which the caller has to check that drc wrote it.

    Raises:
        UsageError: it is a file.
        OutputError: it exists and ``overwrite`` is False, its parent does not exist, or it cannot be written.
    """
    check_place(what, folder)
    if not folder.absolute().parent.is_dir():
        raise OutputError(f"cannot write {folder}: the folder {folder.parent} does not exist; choose another place")
    if not os.path.lexists(folder):
        return False
    if not overwrite:
        raise OutputError(f"{folder} exists already; choose another place or pass --overwrite")
    return True


def check_folder(
    option: str, folder: Path, overwrite: bool, is_result: Callable[[str], bool], is_own: IsOwn = is_marked
) -> None:
    """Refuses a folder that the rule protects or that cannot be written.

    Args:
        option: how messages call it.
        folder: may be missing.
        overwrite: whether it may hold something, and results that drc wrote may be replaced.
        is_result: whether a name will be written.
        is_own: tells whether drc wrote a file.

    Raises:
        UsageError: it holds something and ``overwrite`` is False; a result would replace what drc did not write.
        OutputError: it cannot be made, read or written.
    """
    check_place(option, folder)
    entries = visible(folder)
    if entries and not overwrite:
        raise UsageError(f"{option} {folder} is not empty; choose another folder or add --overwrite")
    for name in entries:
        if is_result(name) and state_of(folder / name, is_own) is State.FOREIGN:
            raise UsageError(f"{option} {folder} holds {name}, which {NOT_OURS}; move it away or choose another folder")


def visible(folder: Path) -> list[str]:
    """The sorted names in a folder, without what drc keeps there for itself; none if the folder is missing.

    Raises:
        OutputError: it cannot be read.
    """
    try:
        names = sorted(os.listdir(folder)) if folder.is_dir() else []
    except OSError as error:
        raise OutputError(f"cannot read {folder}: {error.strerror}; choose another place") from error
    return [name for name in names if not (_HIDDEN.fullmatch(name) or _PART.fullmatch(name))]


def temporary_name(path: Path) -> Path:
    """A new temporary name beside ``path``. It keeps the suffix, because encoders choose the container by it."""
    return path.with_name(f".{path.stem[:40]}.drc-{secrets.token_hex(8)}.part{path.suffix}")


def lock_file(path: Path) -> Path:
    """The file by which a process keeps others from ``path``."""
    return path.with_name(f".{path.name[:40]}.{sha256(os.fsencode(path.name)).hexdigest()[:8]}.drc-lock")


def remove_temporaries(folder: Path, start: str = "") -> None:
    """Removes what killed processes left under temporary names. The caller has locked what these belong to."""
    with suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(start) and _PART.fullmatch(name):
                remove_own(folder / name)


def remove_own(path: Path) -> None:
    """Removes a file or folder that drc wrote, if the disk allows it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


_claims: list[Claim] = []


@contextmanager
def _registered(claim: Claim) -> Iterator[Claim]:
    _claims.append(claim)
    try:
        yield claim
    finally:
        _claims.remove(claim)


def _exists(path: Path) -> bool:
    try:
        path.lstat()
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror}; choose another place") from error


def _check_writable(place: Path, path: Path) -> None:
    if not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write {path}: no permission to write into {place}; choose another place")
