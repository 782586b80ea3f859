"""Writes the downloads in the project's folder form, for ``drc data``: ``train`` and ``test``, each ``images`` and ``masks``."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from drc_runtime.errors import SourceError, UsageError
from drc_runtime.images import Image, read_image
from drc_runtime.preprocess import resize
from drc_train.data.downloads.cars import list_cars
from drc_train.data.downloads.clevr6 import read_scenes
from drc_train.data.downloads.cub import list_birds
from drc_train.data.downloads.dogs import list_dogs
from drc_train.data.downloads.original import Item, read_mask, square_round
from drc_train.data.synthetic.write import staged, write_png

DOWNLOADS = ("cub", "dogs", "cars", "clevr6")
TEST_SCENES = 1000
"""The first scenes of CLEVR6 are what is tested on (section 4.1), the others what is learned from."""


@dataclass
class Converted:
    """How many images were written and left out, and why."""

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
        return f"{self.train} images in train, {self.test} in test" + (f"; left out: {reasons}" if reasons else "")


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
        masks: for ``dogs`` and ``cars``: a folder of approximate masks ``.png``, in the layout of their images (dogs' also
            flat); each has the size of its image or is ``size`` x ``size`` and of what is written. Images without are left
            out, as the paper does where nothing was detected. Without the folder, no masks are written.
        margin: what is added to the side of the square round a box, as a share of it.
        largest: images whose mask covers more than this share of the crop are left out (0.9 in Appendix A.2).
        skip_unreadable: go on without the images and masks that cannot be read.
        progress: called with the number of images seen.

    Raises:
        UsageError: no such data set, or options that do not fit it.
        SourceError: not such a download, or (without ``skip_unreadable``) images of it that cannot be read.
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
        for seen, (split, title, image, mask) in enumerate(pairs, 1):
            if mask is not None:
                scaled = np.where(resize(mask, (size, size)) >= 128, 255, 0).astype(np.uint8)
                if not scaled.any():
                    report.without_object += 1
                    continue
                if scaled.mean() / 255 > largest:
                    report.too_large += 1
                    continue
                _write(stage / split / "masks" / f"{title}.png", scaled)
            _write(stage / split / "images" / f"{title}.png", resize(image, (size, size))[..., ::-1])
            setattr(report, split, getattr(report, split) + 1)
            if progress:
                progress(seen)
        if failures and not skip_unreadable:
            raise SourceError(
                f"{len(failures)} images of {source} cannot be read: {failures[0]}; --skip-unreadable goes on without"
            )
        if not report.train:
            raise SourceError(f"{source} gives no image to learn from: {report}")
    return report


def _write(path: Path, image: Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise SourceError(f"two images of the download are called {path.stem}; download it again")
    write_png(path, image)


_Pair = tuple[str, str, Image, Image | None]


def _scenes(source: Path) -> Iterator[_Pair]:
    for index, (image, mask) in enumerate(read_scenes(source)):
        yield "test" if index < TEST_SCENES else "train", f"{index:05d}", image, mask


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
    """The crops of a list of images; those that cannot be read are counted and not yielded."""
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
    image = read_image(item.image)
    height, width = image.shape[:2]
    try:
        square = square_round(item.box, height, width, margin)
    except SourceError as error:
        raise SourceError(f"{item.image}: {error}") from error
    mask = None
    if mask_path is not None:
        mask = read_mask(mask_path)
        if mask.shape == (height, width):
            mask = square.cut(mask)
        elif mask.shape != (size, size):
            raise SourceError(
                f"{mask_path} is {mask.shape[1]}x{mask.shape[0]} but its image {width}x{height}; masks must have its size"
            )
    return item.split, item.image.stem, square.cut(image), mask
