"""Where training pictures come from: a folder, a video or a named data set, all as one array."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drc_runtime.errors import SourceError
from drc_runtime.preprocess import PICTURE_SUFFIXES, Picture, list_pictures, read_picture, resize
from drc_train.data import tm_dsprites
from drc_train.data.scene import draw_scene
from drc_train.data.video import announced_frames, read_frames

NAMES = {"tm-dsprites": 5000, "scene": 1500}
"""The data sets that can be drawn on the spot, with how many pictures ``load_pictures`` draws unless told."""
TRAINING_SEED = 1000
"""Added to the seed of ``load_pictures``, so that training never meets the samples' and the evaluation's seeds."""
SCENE_STRIDE = 5
"""Neighbouring frames hardly differ: of the drawn clip every fifth (5 a second) is learned from."""


def load_pictures(
    source: str, size: int, limit: int | None = None, seed: int = 0, skip_unreadable: bool = False
) -> NDArray[np.uint8]:
    """Loads the pictures to learn from.

    Args:
        source: a folder (its pictures, or those of its ``images`` subfolder), a video file, or a data set drawn on
            the spot: ``tm-dsprites`` or ``scene``, with ``:N`` for N pictures.
        size: height and width that every picture is squeezed to.
        limit: at most so many, evenly spread over the source.
        seed: another draw of a named data set; what is drawn has the seed 1000 + ``seed``.
        skip_unreadable: warn about pictures that cannot be read and go on without them.

    Returns:
        ``(N, size, size, 3)`` uint8 RGB, N at least 2.

    Raises:
        SourceError: no such source, nothing or fewer than 2 pictures in it, or (without ``skip_unreadable``) pictures
            that cannot be read.
    """
    if limit is not None and limit < 2:
        raise SourceError(f"a limit of {limit} pictures is too few to learn from; give 2 or more")
    named = parse_name(source)
    if named is not None:
        name, count = named
        count = min(count or NAMES[name], limit or count or NAMES[name])
        pictures = _draw(name, count, size, TRAINING_SEED + seed)
    else:
        path = Path(source)
        if path.is_dir():
            pictures = _from_folder(path, size, limit, skip_unreadable)
        elif path.suffix.lower() in PICTURE_SUFFIXES and path.exists():
            raise SourceError(f"{path} is a single picture; give a folder with at least 2 or a video")
        elif path.exists():
            pictures = _from_video(path, size, limit, skip_unreadable)
        else:
            raise SourceError(
                f"{source} does not exist; give a folder of pictures, a video or a data set ({', '.join(NAMES)})"
            )
    if len(pictures) < 2:
        raise SourceError(f"{source} holds {len(pictures)} picture that can be read; learning needs at least 2")
    return np.stack(pictures)


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
        raise SourceError(f"{source}: after the colon stands how many pictures to draw, such as {name}:{NAMES[name]}")
    return name, int(number)


def is_sequence(source: str) -> bool:
    """Whether ``source`` is a clip, whose frames follow one another, rather than single pictures."""
    named = parse_name(source)
    return (
        named[0] == "scene" if named else Path(source).is_file() and Path(source).suffix.lower() not in PICTURE_SUFFIXES
    )


def _draw(name: str, count: int, size: int, seed: int) -> list[Picture]:
    if name == "tm-dsprites":
        return list(tm_dsprites.draw(count, size, seed)[0])
    frames = draw_scene(count * SCENE_STRIDE, 240, 320, seed, every=SCENE_STRIDE)
    return [resize(picture, (size, size)) for picture, _ in frames]


def _from_folder(folder: Path, size: int, limit: int | None, skip_unreadable: bool) -> list[Picture]:
    paths = list_pictures(picture_folder(folder))
    if limit is not None and limit < len(paths):
        paths = [paths[index * len(paths) // limit] for index in range(limit)]
    pictures: list[Picture] = []
    failures: list[str] = []
    for path in paths:
        try:
            pictures.append(resize(read_picture(path), (size, size)))
        except SourceError as error:
            failures.append(str(error))
    if failures:
        problem = f"{len(failures)} of {len(paths)} pictures in {folder} cannot be read: {failures[0]}"
        _report(problem, skip_unreadable)
    return pictures


def picture_folder(folder: Path) -> Path:
    """The folder's ``images`` subfolder if it has one (a data set with masks), otherwise the folder itself."""
    inner = folder / "images"
    return inner if inner.is_dir() else folder


def _from_video(path: Path, size: int, limit: int | None, skip_unreadable: bool) -> list[Picture]:
    every = 1 if limit is None else max(1, announced_frames(path) // limit)
    pictures: list[Picture] = []
    frames: Iterator[Picture] = read_frames(path, every)
    try:
        for frame in frames:
            pictures.append(resize(frame, (size, size)))
            if len(pictures) == limit:
                break
    except SourceError as error:
        if not pictures:
            raise
        _report(str(error), skip_unreadable)
    return pictures


def _report(problem: str, skip_unreadable: bool) -> None:
    if not skip_unreadable:
        raise SourceError(f"{problem}; --skip-unreadable goes on without")
    warnings.warn(f"{problem}; going on without", stacklevel=4)
