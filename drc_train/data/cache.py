"""A cache of decoded images on disk, mapped into memory: a hundred thousand images need no main memory.

The cache is a file of plain uint8 ``(N, 3, H, W)`` RGB, with a JSON file beside it, written last, that gives their number. The
file's name holds a digest of the source's listing (paths, sizes, modification times), the images' size and ``DECODING_VERSION``.
When one of these changes, the images are decoded again and the old file is removed.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drc_runtime.atomic import atomic_path, atomic_write
from drc_runtime.errors import OutputError, SourceError
from drc_train.data.source import read_images, read_observations, source_files

VARIABLE = "DRC_CACHE"
"""Environment variable that names the cache's folder."""
DECODING_VERSION = 3
"""To be raised when the same source gives other pixels than before: decoding, scaling or drawing has changed."""


class CachedImages(NamedTuple):
    """The images of a source, mapped into memory."""

    pixels: NDArray[np.uint8]
    """``(N, C, H, W)`` RGB, or observations of 7 channels, mapped copy-on-write: changes reach neither the file nor other
    processes."""
    fingerprint: str
    """SHA-256 of all pixels in the source's order, ``(N, H, W, C)``."""

    def fingerprint_of(self, count: int) -> str:
        """The fingerprint of the first ``count`` images alone."""
        if count == len(self.pixels):
            return self.fingerprint
        digest = hashlib.sha256()
        for image in self.pixels[:count]:
            digest.update(image.transpose(1, 2, 0).tobytes())
        return digest.hexdigest()


def cache_folder() -> Path:
    """The cache's folder: ``$DRC_CACHE``, else ``drc`` in ``$XDG_CACHE_HOME``, else ``~/.cache/drc``.

    Raises:
        OutputError: no variable names a folder and this user has no home.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "drc"
    try:
        return Path.home() / ".cache" / "drc"
    except RuntimeError as error:  # neither HOME nor an entry in the user database, as in many containers
        raise OutputError(f"no place for decoded images: this user has no home; name a folder in {VARIABLE}") from error


def cached_images(
    source: str,
    size: int,
    *,
    channels: int = 3,
    skip_unreadable: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> CachedImages:
    """The images of a source, decoded by this call or taken from the cache.

    Args:
        source: as in ``read_images``.
        size: height and width to which every image is scaled.
        channels: 3, or 7 for the observations of a fixed camera (``read_observations``).
        skip_unreadable: warn about images that cannot be read, and leave them out.
        progress: called with the number of images decoded so far.

    Raises:
        SourceError: as ``read_images``.
        OutputError: the cache cannot be written.
    """
    folder = cache_folder()
    owner = _digest(str(Path(source).absolute()), size, *([channels] if channels != 3 else []))[:16]
    name = f"{owner}-{_digest(source_files(source), size, skip_unreadable, DECODING_VERSION)[:24]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make {folder} for decoded images: {error.strerror}; set {VARIABLE}") from error
    path = folder / f"{name}.u8"
    shape = channels, size, size
    found = _open(path, shape)
    if found is None:
        try:
            images = (
                read_images(source, size, skip_unreadable=skip_unreadable)
                if channels == 3
                else read_observations(source, size, skip_unreadable)
            )
            _decode(path, source, images, progress)
        except OutputError as error:
            raise OutputError(f"no decoded images: {error}; name a folder with room in {VARIABLE}") from error
        for old in folder.glob(f"{owner}-*"):
            if old.stem != name:
                old.unlink(missing_ok=True)
        found = _open(path, shape)
    if found is None:
        raise OutputError(f"{path} was damaged while it was written; remove it and try again")
    return found


def _open(path: Path, image: tuple[int, int, int]) -> CachedImages | None:
    """The images of a cache file; None if there is none, or an incomplete one."""
    try:
        about = json.loads(path.with_suffix(".json").read_text())
        shape = (int(about["count"]), *image)
        if path.stat().st_size != int(np.prod(shape)):
            return None
        pixels = np.memmap(path, np.uint8, "c", shape=shape)
        found = CachedImages(pixels, str(about["fingerprint"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    for problem in about.get("skipped", ()):
        warnings.warn(problem, stacklevel=3)
    return found


def _decode(path: Path, source: str, images: Iterator[NDArray[np.uint8]], progress: Callable[[int], None]) -> None:
    digest, count = hashlib.sha256(), 0
    with warnings.catch_warnings(record=True) as skipped, atomic_path(path) as temporary, temporary.open("wb") as file:
        warnings.simplefilter("always")
        for image in images:
            digest.update(image.tobytes())
            file.write(image.transpose(2, 0, 1).tobytes())
            count += 1
            progress(count)
        if count < 2:
            raise SourceError(f"{source} holds {count} image that can be read; learning needs at least 2")
    about = {"count": count, "fingerprint": digest.hexdigest(), "skipped": [str(it.message) for it in skipped]}
    atomic_write(path.with_suffix(".json"), json.dumps(about).encode())


def _digest(*values: object) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
