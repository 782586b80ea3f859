"""One sheet of a measurement: the best, the median and the worst masks beside their images and their truth."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drc_runtime.images import Image
from drc_runtime.preprocess import resize
from drc_train.data.evaluation import Labelled
from drc_train.data.masks import binary
from drc_train.evaluation.metrics import Mask, iou
from drc_train.figures.tiles import assemble

COLUMNS = 12
"""Masks of each kind."""
TILE = 96
"""Height and width of an image on the sheet, pixels."""


class _Entry(NamedTuple):
    iou: float
    place: int
    """The image's, in the order of the data."""
    bits: NDArray[np.uint8]
    """The mask at ``TILE``, packed, because there can be ten thousands and which are the median ones shows at the end."""


class Sheet:
    """Collects masks while they are measured. Images are not kept: ``draw`` reads again those that it shows."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._seen = 0

    def add(self, labelled: Labelled, mask: Mask) -> None:
        """Adds the next image's mask ``(H, W)`` in [0, 255]; one without a foreground in its truth has no IoU and is left out."""
        index, self._seen = self._seen, self._seen + 1
        if labelled.mask.any():
            small = resize(binary(mask), (TILE, TILE)) > 127
            self._entries.append(_Entry(iou(mask, labelled.mask, labelled.void), index, np.packbits(small)))

    def draw(self, data: Iterable[Labelled]) -> Image | None:
        """The sheet: for best, median and worst a row each of images, of their truth and of the masks, best first.

        With fewer than 36 images some are in two of these groups.

        Args:
            data: the same images as were added, in their order.

        Returns:
            ``(H, W, 3)`` uint8 RGB; None if no image has a foreground.
        """
        if not self._entries:
            return None
        ranked = sorted(self._entries, key=lambda entry: (-entry.iou, entry.place))
        count = min(COLUMNS, len(ranked))
        middle = (len(ranked) - count) // 2
        groups = {"best": ranked[:count], "median": ranked[middle : middle + count], "worst": ranked[-count:]}
        wanted = {entry.place for group in groups.values() for entry in group}
        shown = {index: labelled for index, labelled in enumerate(data) if index in wanted}
        labels = [text for name, group in groups.items() for text in (_label(name, group), "truth", "mask")]
        columns = []
        for entries in zip(*groups.values(), strict=True):
            columns.append([tile for entry in entries for tile in _tiles(shown[entry.place], entry.bits)])
        return assemble(columns, labels)


def _label(name: str, group: list[_Entry]) -> str:
    return f"{name}, IoU {100 * group[0].iou:.0f} to {100 * group[-1].iou:.0f}"


def _tiles(labelled: Labelled, bits: NDArray[np.uint8]) -> list[Image]:
    mask = np.unpackbits(bits).reshape(TILE, TILE) * np.uint8(255)
    planes = binary(resize(labelled.mask, (TILE, TILE))), mask
    return [resize(labelled.image, (TILE, TILE)), *(np.repeat(plane[:, :, None], 3, axis=2) for plane in planes)]
