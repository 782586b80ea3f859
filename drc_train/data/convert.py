"""Writes the downloads in the project's folder form, for ``drc data``: ``train`` and ``test``, each ``images`` and ``masks``."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from drc_runtime.errors import SourceError, UsageError
from drc_runtime.preprocess import Picture, read_picture, resize
from drc_train.data.cars import list_cars
from drc_train.data.clevr6 import read_scenes
from drc_train.data.cub import list_birds
from drc_train.data.dogs import list_dogs
from drc_train.data.original import Item, read_mask, square_round
from drc_train.data.write import staged, write_png

DOWNLOADS = ("cub", "dogs", "cars", "clevr6")
TEST_SCENES = 1000
"""The first scenes of CLEVR6 are what is tested on (section 4.1), the others what is learned from."""


@dataclass
class Converted:
    """How many pictures were written and left out, and why."""

    train: int = 0
    test: int = 0
    without_mask: int = 0
    without_object: int = 0
    too_large: int = 0
    unreadable: int = 0

    def __str__(self) -> str:
        counts = asdict(self)
        left_out = {name.replace("_", " "): counts[name] for name in counts.keys() - {"train", "test"} if counts[name]}
        reasons = ", ".join(f"{count} {name}" for name, count in sorted(left_out.items()))
        return f"{self.train} pictures in train, {self.test} in test" + (f"; left out: {reasons}" if reasons else "")


def convert_data_set(
    name: str,
    source: Path,
    folder: Path,
    size: int = 128,
    *,
    masks: Path | None = None,
    margin: float = 0.0,
    largest: float = 1.0,
    skip_unreadable: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Converted:
    """Crops and scales a download (Appendix A); all of it or, if that fails, nothing.

    Args:
        name: ``cub``, ``dogs``, ``cars`` or ``clevr6``.
        source: the unpacked download; for ``clevr6`` the TFRecord file or its folder.
        folder: made if it does not exist; it must be empty.
        size: height and width of what is written, pixels.
        masks: for ``dogs`` and ``cars``: a folder of approximate masks ``.png``, in the layout of their pictures (dogs' also
            flat); each has the size of its picture or is ``size`` x ``size`` and of what is written. Pictures without are left
            out, as the paper does where nothing was detected. Without the folder, no masks are written.
        margin: what is added to the side of the square round a box, as a share of it.
        largest: pictures whose mask covers more than this share of the crop are left out (0.9 in Appendix A.2).
        skip_unreadable: go on without the pictures and masks that cannot be read.
        progress: called with the number of pictures seen.

    Raises:
        UsageError: no such data set, or options that do not fit it.
        SourceError: not such a download, or (without ``skip_unreadable``) pictures of it that cannot be read.
        OutputError: the folder is not empty, or the disk refuses.
    """
    if name not in DOWNLOADS:
        raise UsageError(f"no download is called {name!r}; there are: {', '.join(DOWNLOADS)}")
    if masks is not None and name not in ("dogs", "cars"):
        raise UsageError(f"{name} brings its own masks; leave --masks out")
    if not (8 <= size <= 2048 and 0 <= margin <= 4 and 0 < largest <= 1):
        raise UsageError("give a size of 8 to 2048 pixels, a margin of 0 to 4 and a largest share above 0 and up to 1")
    if masks is not None and not masks.is_dir():
        raise SourceError(f"{masks} is not a folder; name the one with the approximate masks")
    report = Converted()
    failures: list[str] = []
    pairs = (
        _scenes(source)
        if name == "clevr6"
        else _objects(name, source, masks, size, margin, report, failures, skip_unreadable)
    )
    with staged(Path(folder)) as stage:
        for seen, (split, title, picture, mask) in enumerate(pairs, 1):
            if mask is not None:
                scaled = np.where(resize(mask, (size, size)) >= 128, 255, 0).astype(np.uint8)
                if not scaled.any():
                    report.without_object += 1
                    continue
                if scaled.mean() / 255 > largest:
                    report.too_large += 1
                    continue
                _write(stage / split / "masks" / f"{title}.png", scaled)
            _write(stage / split / "images" / f"{title}.png", resize(picture, (size, size))[..., ::-1])
            setattr(report, split, getattr(report, split) + 1)
            if progress:
                progress(seen)
        if failures and not skip_unreadable:
            raise SourceError(
                f"{len(failures)} pictures of {source} cannot be read: {failures[0]}; --skip-unreadable goes on without"
            )
        if not report.train:
            raise SourceError(f"{source} gives no picture to learn from: {report}")
    return report


def _write(path: Path, picture: Picture) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise SourceError(f"two pictures of the download are called {path.stem}; download it again")
    write_png(path, picture)


_Pair = tuple[str, str, Picture, Picture | None]


def _scenes(source: Path) -> Iterator[_Pair]:
    for index, (picture, mask) in enumerate(read_scenes(source)):
        yield "test" if index < TEST_SCENES else "train", f"{index:05d}", picture, mask


def _objects(
    name: str,
    source: Path,
    masks: Path | None,
    size: int,
    margin: float,
    report: Converted,
    failures: list[str],
    skip_unreadable: bool,
) -> Iterator[_Pair]:
    """The crops of a list of pictures; those that cannot be read are counted and not yielded."""
    if name == "cub":
        items, masks = list_birds(source)
    else:
        items = (list_dogs if name == "dogs" else list_cars)(source)
    for item in items:
        path = None
        if masks is not None:
            path = masks / f"{item.mask}.png"
            if name == "dogs" and not path.is_file():
                path = masks / f"{item.mask.name}.png"  # flat; cars' names are not unique without their folder
            if name != "cub" and not path.is_file():
                report.without_mask += 1
                continue
        try:
            # After a failure that will end the conversion only what cannot be read matters, not what would be written.
            pair = _crop(item, path, size, margin)
        except SourceError as error:
            failures.append(str(error))
            report.unreadable += 1
            continue
        if not failures or skip_unreadable:
            yield pair


def _crop(item: Item, mask_path: Path | None, size: int, margin: float) -> _Pair:
    picture = read_picture(item.picture)
    height, width = picture.shape[:2]
    try:
        square = square_round(item.box, height, width, margin)
    except SourceError as error:
        raise SourceError(f"{item.picture}: {error}") from error
    mask = None
    if mask_path is not None:
        mask = read_mask(mask_path)
        if mask.shape == (height, width):
            mask = square.cut(mask)
        elif mask.shape != (size, size):
            raise SourceError(
                f"{mask_path} is {mask.shape[1]}x{mask.shape[0]} but its picture {width}x{height}; masks must have its size"
            )
    return item.split, item.picture.stem, square.cut(picture), mask
