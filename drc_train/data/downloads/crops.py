"""The crops of a download (Appendix A), before they are scaled."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from drc_runtime.errors import SourceError
from drc_runtime.images import Image, read_image
from drc_train.data.downloads.boxes import released_square, square_around
from drc_train.data.downloads.cars import list_cars
from drc_train.data.downloads.clevr6 import CROP, RELEASED_CROP, read_scenes
from drc_train.data.downloads.cub import list_birds
from drc_train.data.downloads.dogs import list_dogs
from drc_train.data.downloads.files import Item
from drc_train.data.downloads.options import ConversionOptions, ConversionReport, names_to_exclude
from drc_train.data.masks import read_probabilities

TEST_SCENES = 1000
"""The first scenes of CLEVR6 are the test split (section 4.1), the others the training split."""


class Crop(NamedTuple):
    """One image and its mask, before they are scaled."""

    split: str
    """``train``, ``test``, or empty where there is no split."""
    name: str
    image: Image
    mask: Image | None


def scene_crops(download: Path, options: ConversionOptions) -> Iterator[Crop]:
    """The crops of CLEVR6.

    Raises:
        SourceError: as ``clevr6.read_scenes``.
    """
    crop = RELEASED_CROP if options.protocol == "released" else CROP
    for index, (image, mask) in enumerate(read_scenes(download, crop)):
        split = "" if options.split == "all" else "test" if index < TEST_SCENES else "train"
        yield Crop(split, f"{index:05d}", image, mask)


@dataclass
class ObjectCrops:
    """The crops of a list of images. What cannot be read is counted and collected in ``failures`` instead."""

    name: str
    download: Path
    options: ConversionOptions
    report: ConversionReport
    failures: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Crop]:
        for item, mask_path in self._wanted():
            try:
                crop = _crop(item, mask_path, self.options)
            except SourceError as error:
                self.failures.append(str(error))
                self.report.unreadable += 1
                continue
            # After a failure that ends the conversion, the rest is read only to count what else cannot be read.
            if not self.failures or self.options.skip_unreadable:
                yield crop

    def _wanted(self) -> Iterator[tuple[Item, Path | None]]:
        """The images to crop, each with its mask's file; None where no masks are written."""
        excluded = names_to_exclude(self.options)
        for item, path in self._listed():
            if str(item.mask) in excluded:
                self.report.excluded += 1
            elif item.split == "validation":
                self.report.validation += 1
            else:
                yield item, path

    def _listed(self) -> Iterator[tuple[Item, Path | None]]:
        if self.name == "cub":
            items, masks = list_birds(self.download, self.options.split == "table3")
            yield from ((item, masks / f"{item.mask}.png") for item in items)
            return
        for item in (list_dogs if self.name == "dogs" else list_cars)(self.download):
            path = None if self.options.truth is None else self._approximate_mask(self.options.truth, item)
            if path is not None and not path.is_file():
                self.report.without_mask += 1
                continue
            yield item, path

    def _approximate_mask(self, folder: Path, item: Item) -> Path:
        path = folder / f"{item.mask}.png"
        if self.name == "dogs" and not path.is_file():
            return folder / f"{item.mask.name}.png"  # flat; names of cars are unique only within their folder
        return path


def _crop(item: Item, mask_path: Path | None, options: ConversionOptions) -> Crop:
    image = read_image(item.image)
    height, width = image.shape[:2]
    try:
        square = square_around(item.box, height, width, options.margin or 0.0)  # also checks the box
        if options.protocol == "released":
            square = released_square(item.box)
    except SourceError as error:
        raise SourceError(f"{item.image}: {error}") from error
    mask = None
    if mask_path is not None:
        mask = read_probabilities(mask_path)
        if mask.shape == (height, width):
            mask = square.cut(mask)
        elif mask.shape != (options.size, options.size):
            raise SourceError(
                f"{mask_path} is {mask.shape[1]}x{mask.shape[0]} but its image {width}x{height}; masks must have its size"
            )
    if options.split == "all":  # names are unique within a split alone
        return Crop("", f"{item.split}-{item.image.stem}", square.cut(image), mask)
    return Crop(item.split, item.image.stem, square.cut(image), mask)
