"""Reads training images one by one: from a folder, a video or a named data set."""

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drc_runtime.errors import SourceError
from drc_runtime.images import Image, clip_of, is_listed, list_images, read_image
from drc_runtime.inference.empty_scene import empty_scene
from drc_runtime.machine import available_cores
from drc_runtime.preprocess import resize
from drc_train.data.observations import Observation, observe_frames
from drc_train.data.synthetic import tm_dsprites
from drc_train.data.synthetic.fixed_cameras import draw_fixed_cameras
from drc_train.data.synthetic.scene import draw_scene
from drc_train.data.video import announced_frames, read_frames

NAMES = {"tm-dsprites": 5000, "scene": 1500, "fixed-cameras": 6400}
"""The data sets that are drawn when they are read, each with its default number of images."""
TRAINING_SEED = 1000
"""Added to the seed of ``read_images``, so that training never draws with the seeds of the samples and of the evaluation."""
DECODED_AHEAD = 64
"""Images of a folder that are decoded in parallel, on all cores."""
SCENE_STRIDE = 5
"""Every fifth frame of the drawn clip is used (5 a second), because neighbouring frames hardly differ."""


def read_images(
    source: str, size: int, limit: int | None = None, seed: int = 0, skip_unreadable: bool = False
) -> Iterator[Image]:
    """Reads the images of a source one by one, so that their number is not limited by memory.

    Args:
        source: a folder (its images, or those of its ``images`` subfolder), a video file, or a named data set:
            ``tm-dsprites`` or ``scene``, with ``:N`` for N images.
        size: height and width to which every image is scaled; the aspect ratio is not kept.
        limit: the largest number of images, evenly spread over the source; None reads all.
        seed: of a named data set, which is drawn with the seed ``TRAINING_SEED + seed``.
        skip_unreadable: warn about images that cannot be read, and leave them out.

    Yields:
        ``(size, size, 3)`` uint8 RGB.

    Raises:
        SourceError: the source does not exist or is empty. Without ``skip_unreadable`` also, after the last image, that some
            could not be read.
    """
    if limit is not None and limit < 2:
        raise SourceError(f"a limit of {limit} images is too few to learn from; give 2 or more")
    named = parse_name(source)
    if named is not None:
        name, count = named
        count = min(count or NAMES[name], limit or count or NAMES[name])
        return _draw(name, count, size, TRAINING_SEED + seed)
    path = media_path(source)
    if path.is_dir():
        return _from_folder(path, size, limit, skip_unreadable)
    if is_listed(path):
        raise SourceError(f"{path} is a single image; give a folder with at least 2 or a video")
    if path.exists():
        return _from_video(path, size, limit, skip_unreadable)
    if "://" in source:
        raise SourceError(f"{source} is an address; record it to a video first, or use: drc run ADDRESS --learn 10m")
    raise SourceError(f"{source} does not exist; give a folder of images, a video or a data set ({', '.join(NAMES)})")


def read_observations(source: str, size: int, skip_unreadable: bool = False) -> Iterator[Observation]:
    """Reads what a model with ``model.background_input`` learns from: each frame with its background and scale.

    Args:
        source: a video file or a folder with the frames of one fixed camera in their order, held in memory at this size; or a
            drawn data set of fixed cameras (``fixed-cameras``, ``scene``).
        size: as in ``read_images``.
        skip_unreadable: likewise.

    Yields:
        ``(size, size, 7)`` uint8, see ``drc_train.data.observations``.

    Raises:
        SourceError: as ``read_images``; or the source is no recording of a fixed camera.
    """
    named = parse_name(source)
    if named is not None and named[0] == "fixed-cameras":
        return (observation for observation, _ in draw_fixed_cameras(named[1] or NAMES[named[0]], size, TRAINING_SEED))
    if named is not None and named[0] != "scene":
        raise SourceError(f"{source} is no recording of a fixed camera: give a video or a folder, or another --preset")
    return observe_frames(list(read_images(source, size, skip_unreadable=skip_unreadable)))


def learned_background(source: str, size: int) -> NDArray[np.float32]:
    """The background of a recording without what stands in it, ``(size, size, 3)`` in grey levels (``empty_scene``).

    Raises:
        SourceError: as ``read_images``.
    """
    return empty_scene(np.stack(list(read_images(source, size, skip_unreadable=True)))).image.astype(np.float32)


def source_files(source: str) -> list[tuple[str, int, int]]:
    """The files that ``read_images`` reads: path, size in bytes and modification time in ns; empty for a named data set.

    Raises:
        SourceError: the folder holds no images.
    """
    path = media_path(source)
    if parse_name(source) is not None or not path.exists():
        return []
    paths = list_images(image_folder(path)) if path.is_dir() else [path]
    return [(str(file), stat.st_size, stat.st_mtime_ns) for file in paths for stat in [file.stat()]]


def media_path(source: str | Path) -> Path:
    """The path that a source names; for a folder of ``drc data draw`` with a clip and its masks, the clip."""
    path = Path(source)
    return (clip_of(path) if path.is_dir() else None) or path


def parse_name(source: str) -> tuple[str, int | None] | None:
    """Splits ``NAME`` or ``NAME:N`` of a named data set; None if ``source`` is something else.

    Raises:
        SourceError: N is not a whole number above 0, or NAME is a file or folder as well.
    """
    name, colon, number = source.partition(":")
    if name not in NAMES:
        return None
    if not colon:
        if Path(name).exists():
            raise SourceError(
                f"{name} is a drawn data set and a path here: write ./{name} for the path, {name}:{NAMES[name]} for the set"
            )
        return name, None
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        raise SourceError(f"{source}: after the colon give the number of images to draw, such as {name}:{NAMES[name]}")
    return name, int(number)


def is_sequence(source: str) -> bool:
    """Whether ``source`` is a video or the drawn scene, whose frames follow one another."""
    named = parse_name(source)
    return named[0] == "scene" if named else media_path(source).is_file() and not is_listed(media_path(source))


def _draw(name: str, count: int, size: int, seed: int) -> Iterator[Image]:
    if name == "fixed-cameras":
        return (observation[..., :3] for observation, _ in draw_fixed_cameras(count, size, seed))
    if name == "tm-dsprites":
        return (image for image, _ in tm_dsprites.draw_each(count, size, seed))
    frames = draw_scene(count * SCENE_STRIDE, 240, 320, seed, every=SCENE_STRIDE)
    return (resize(image, (size, size)) for image, _ in frames)


def _from_folder(folder: Path, size: int, limit: int | None, skip_unreadable: bool) -> Iterator[Image]:
    paths = list_images(image_folder(folder))
    if limit is not None and limit < len(paths):
        paths = [paths[index * len(paths) // limit] for index in range(limit)]
    failures: list[str] = []

    def read(path: Path) -> Image | str:
        try:
            return resize(read_image(path), (size, size))
        except SourceError as error:
            return str(error)

    with ThreadPoolExecutor(available_cores()) as pool:
        for start in range(0, len(paths), DECODED_AHEAD):
            for result in pool.map(read, paths[start : start + DECODED_AHEAD]):
                if isinstance(result, str):
                    failures.append(result)
                else:
                    yield result
    if failures:
        problem = f"{len(failures)} of {len(paths)} images in {folder} cannot be read: {failures[0]}"
        _report(problem, skip_unreadable)


def image_folder(folder: Path) -> Path:
    """The subfolder ``images`` of a data set with masks, or the folder itself if it has none."""
    inner = folder / "images"
    return inner if inner.is_dir() else folder


def _from_video(path: Path, size: int, limit: int | None, skip_unreadable: bool) -> Iterator[Image]:
    every = 1 if limit is None else max(1, announced_frames(path) // limit)
    count = 0
    try:
        for frame in islice(read_frames(path, every), limit):
            yield resize(frame, (size, size))
            count += 1
    except SourceError as error:
        if not count:
            raise
        _report(str(error), skip_unreadable)


def _report(problem: str, skip_unreadable: bool) -> None:
    if not skip_unreadable:
        raise SourceError(f"{problem}; --skip-unreadable leaves them out")
    warnings.warn(f"{problem}; left out", stacklevel=4)
