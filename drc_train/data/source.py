"""Where training images come from: a folder, a video or a named data set, one image after another."""

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from drc_runtime.errors import SourceError
from drc_runtime.images import IMAGE_SUFFIXES, Image, list_images, read_image
from drc_runtime.machine import available_cores
from drc_runtime.preprocess import resize
from drc_train.data.synthetic import tm_dsprites
from drc_train.data.synthetic.scene import draw_scene
from drc_train.data.video import announced_frames, read_frames

NAMES = {"tm-dsprites": 5000, "scene": 1500}
"""The data sets that can be drawn on the spot, with how many images ``read_images`` draws unless told."""
TRAINING_SEED = 1000
"""Added to the seed of ``read_images``, so that training never meets the samples' and the evaluation's seeds."""
DECODED_AHEAD = 64
"""Images of a folder that are decoded at a time, on all cores."""
SCENE_STRIDE = 5
"""Neighbouring frames hardly differ: of the drawn clip every fifth (5 a second) is learned from."""


def read_images(
    source: str, size: int, limit: int | None = None, seed: int = 0, skip_unreadable: bool = False
) -> Iterator[Image]:
    """The images to learn from, one after another, so that there may be any number of them.

    Args:
        source: a folder (its images, or those of its ``images`` subfolder), a video file, or a data set drawn on
            the spot: ``tm-dsprites`` or ``scene``, with ``:N`` for N images.
        size: height and width that every image is squeezed to.
        limit: at most so many, evenly spread over the source.
        seed: another draw of a named data set; what is drawn has the seed 1000 + ``seed``.
        skip_unreadable: warn about images that cannot be read and go on without them.

    Yields:
        ``(size, size, 3)`` uint8 RGB.

    Raises:
        SourceError: no such source, nothing in it, or, after the last one and without ``skip_unreadable``, images that
            cannot be read.
    """
    if limit is not None and limit < 2:
        raise SourceError(f"a limit of {limit} images is too few to learn from; give 2 or more")
    named = parse_name(source)
    if named is not None:
        name, count = named
        count = min(count or NAMES[name], limit or count or NAMES[name])
        return _draw(name, count, size, TRAINING_SEED + seed)
    path = Path(source)
    if path.is_dir():
        return _from_folder(path, size, limit, skip_unreadable)
    if path.suffix.lower() in IMAGE_SUFFIXES and path.exists():
        raise SourceError(f"{path} is a single image; give a folder with at least 2 or a video")
    if path.exists():
        return _from_video(path, size, limit, skip_unreadable)
    raise SourceError(f"{source} does not exist; give a folder of images, a video or a data set ({', '.join(NAMES)})")


def source_files(source: str) -> list[tuple[str, int, int]]:
    """What ``read_images`` would read: path, size in bytes and time of change in nanoseconds; nothing for what is drawn.

    Raises:
        SourceError: the folder holds no images.
    """
    path = Path(source)
    if parse_name(source) is not None or not path.exists():
        return []
    paths = list_images(image_folder(path)) if path.is_dir() else [path]
    return [(str(file), stat.st_size, stat.st_mtime_ns) for file in paths for stat in [file.stat()]]


def parse_name(source: str) -> tuple[str, int | None] | None:
    """Splits ``name`` or ``name:N`` of a data set that is drawn on the spot; None if ``source`` is something else.

    Raises:
        SourceError: N is not a whole number above 0.
    """
    name, colon, number = source.partition(":")
    if name not in NAMES:
        return None
    if not colon:
        return name, None
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        raise SourceError(f"{source}: after the colon stands how many images to draw, such as {name}:{NAMES[name]}")
    return name, int(number)


def is_sequence(source: str) -> bool:
    """Whether ``source`` is a clip, whose frames follow one another, rather than single images."""
    named = parse_name(source)
    return (
        named[0] == "scene" if named else Path(source).is_file() and Path(source).suffix.lower() not in IMAGE_SUFFIXES
    )


def _draw(name: str, count: int, size: int, seed: int) -> Iterator[Image]:
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
    """The folder's ``images`` subfolder if it has one (a data set with masks), otherwise the folder itself."""
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
        raise SourceError(f"{problem}; --skip-unreadable goes on without")
    warnings.warn(f"{problem}; going on without", stacklevel=4)
