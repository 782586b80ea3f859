"""The compiler's cache: a folder for each set of steps, kept across runs and bounded in size; the oldest go first."""

import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import resources
from pathlib import Path

import torch

from drc_runtime.errors import OutputError, UsageError
from drc_runtime.lock import is_locked, lock
from drc_runtime.machine import machine_name
from drc_train.config import Config
from drc_train.data.cache import VARIABLE, cache_folder

MOST_BYTES = 512 * 2**20
"""Of all folders together; the steps of ``edge-64`` take 20 MB."""
LOCK = "lock"
"""File in each folder: locked while a process compiles into it, touched when a run uses it."""
KERNELS = "kernels"
"""Folder of the compiler's own files, ``TORCHINDUCTOR_CACHE_DIR``."""
NOT_COMPILED = frozenset(
    ("iterations", "batch_size", "seed", "prior_steps", "posterior_steps", "redraw", "follow", "generator_rate")
) | {"energy_rate", "beta1", "beta2", "mirror", "averaging"}
"""Fields of ``train`` that no step depends on, except for the batch, which has an entry of its own."""
SOURCES = ("model", "sampling", "learner")
"""Folders of ``drc_train`` whose code decides what a step computes."""


def steps_key(config: Config, batch: int) -> str:
    """A digest of everything that the machine code of the steps depends on.

    Args:
        config: of the run.
        batch: B, the images of an iteration in this process.
    """
    code = hashlib.sha256()
    for folder in SOURCES:
        for file in sorted(resources.files("drc_train").joinpath(folder).iterdir(), key=lambda it: it.name):
            if file.name.endswith(".py"):
                code.update(file.read_bytes())
    settings = {
        "model": config.model.model_dump(mode="json"),
        "train": config.train.model_dump(mode="json", exclude=set(NOT_COMPILED)),
        "batch": batch,
        "threads": torch.get_num_threads(),
        "code": code.hexdigest(),
        "torch": [torch.__version__, str(torch.version.git_version)],
        "python": platform.python_version(),
        "machine": [machine_name(), torch.backends.cpu.get_cpu_capability()],
    }
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:32]


def steps_folder(key: str) -> Path:
    """The folder of a key, made if it is missing; the oldest others are removed if all together are too large.

    Raises:
        OutputError: it cannot be written, this is not a POSIX system, or others than this user could write it:
            what is read from it is run.
    """
    if os.name != "posix":
        raise OutputError("compiling beside learning needs a POSIX system")
    root = cache_folder() / "compiler"
    folder = root / key
    try:
        for path in (root, folder):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = path.stat()
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise OutputError(f"others can write {path}; remove it, or name a folder of your own in {VARIABLE}")
        (folder / LOCK).touch()
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}; name another folder in {VARIABLE}") from error
    _prune(root, keep=folder)
    return folder


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Waits until no other process compiles into a key's folder, and keeps others out within the block."""
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(lock(folder / LOCK, str(folder), is_left=lambda: True))
                break
            except UsageError:
                time.sleep(1)
        yield


@contextmanager
def kernels_of(folder: Path) -> Iterator[None]:
    """Lets the compiler find its files in ``folder`` within the block."""
    name, before = "TORCHINDUCTOR_CACHE_DIR", os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    os.environ[name] = str((folder / KERNELS).absolute())
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


def _prune(root: Path, keep: Path) -> None:
    """Removes the folders that were used longest ago. One in which a process compiles stays."""
    with suppress(OSError):  # another run prunes as well, and the next one prunes again
        ours = sorted(
            (it for it in root.iterdir() if (it / LOCK).is_file()), key=lambda it: (it / LOCK).stat().st_mtime
        )
        sizes = {it: sum(file.stat().st_size for file in it.rglob("*") if file.is_file()) for it in ours}
        total = sum(sizes.values())
        for folder in ours:
            if total <= MOST_BYTES:
                break
            if folder != keep and not is_locked(folder / LOCK):
                shutil.rmtree(folder, ignore_errors=True)
                total -= sizes[folder]
