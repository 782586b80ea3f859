"""Tiles of the grids and their assembly. On numpy alone, because bundles are drawn without PyTorch."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.images import Image
from drc_runtime.preprocess import to_image

GAP = 2
"""White pixels to the right of and below each tile."""
SLOT_COLOURS = ((230, 75, 60), (60, 140, 230), (245, 190, 50), (90, 185, 95), (160, 90, 200), (70, 200, 200))
"""Of the foreground slots, repeated if there are more slots; the background is black."""

_FONT = cv2.FONT_HERSHEY_SIMPLEX, 0.38
_SPACE = 6
"""Pixels beside a label."""

Map = NDArray[np.float32]
"""Channels first: ``(C, H, W)``."""


def extraction_tiles(
    image: Map, mask: Map, foreground: Map, background: Map, probability: Map, truth: Map | None, slots: Map | None
) -> list[Image]:
    """A column of Fig. 3: observed, generated, masked foreground, background, truth, mask, slots.

    Args:
        image: ``(3, H, W)`` in [-1, 1], as are ``foreground`` and ``background``.
        mask: ``(1, H, W)`` in [0, 1], the mixture weight pi_f.
        foreground: the foreground's image, as ``image``.
        background: the background's image, as ``image``.
        probability: ``(1, H, W)`` in [0, 1], the foreground's responsibility.
        truth: ``(1, H, W)`` in [0, 1]; None leaves its tile out.
        slots: ``(1 + K, H, W)`` responsibilities, the background's first; None leaves their tile out.

    Returns:
        Tiles ``(H, W, 3)`` uint8 RGB.
    """
    generated = mask * foreground + (1 - mask) * background
    masked = probability * foreground + (1 - probability)
    tiles = [to_image(tensor) for tensor in (image, generated, masked, background)]
    tiles += [grey(plane) for plane in (truth, probability) if plane is not None]
    return tiles if slots is None else [*tiles, _coloured(slots)]


def extraction_labels(*, truth: bool = False, slots: bool = False) -> list[str]:
    """What the tiles of ``extraction_tiles`` show, in their order."""
    labels = ["observed", "generated", "foreground", "background", *(["truth"] if truth else []), "mask"]
    return [*labels, "slots"] if slots else labels


def assemble(columns: Sequence[Sequence[Image]], labels: Sequence[str] = ()) -> Image:
    """One image of columns that have the same number of tiles of the same size.

    Args:
        columns: tiles ``(H, W, 3)`` uint8 RGB.
        labels: of the rows, written on the left; without them there is no margin.

    Returns:
        ``(H', W', 3)`` uint8 RGB on white.
    """
    framed = [np.pad(tile, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for column in columns for tile in column]
    rows = len(columns[0])
    drawn = [np.concatenate(framed[at : at + rows]) for at in range(0, len(framed), rows)]
    margin = [_margin(labels, len(framed[0]))] if labels else []
    return np.concatenate([*margin, *drawn], axis=1)


def _margin(labels: Sequence[str], height: int) -> Image:
    """The labels of the rows, each ``height`` pixels high, right-aligned."""
    sizes = [cv2.getTextSize(label, *_FONT, 1)[0] for label in labels]
    width = max(across for across, _ in sizes) + 2 * _SPACE
    margin = np.full((len(labels) * height, width, 3), 255, np.uint8)
    for row, (label, (across, up)) in enumerate(zip(labels, sizes, strict=True)):
        place = (width - _SPACE - across, row * height + (height - GAP + up) // 2)
        cv2.putText(margin, label, place, *_FONT, (60, 60, 60), 1, cv2.LINE_AA)
    return margin


def grey(plane: Map) -> Image:
    """A plane ``(1, H, W)`` in [0, 1] as a grey image ``(H, W, 3)`` uint8."""
    return to_image(np.repeat(plane * np.float32(2) - 1, 3, axis=0))


def _coloured(slots: Map) -> Image:
    colours = np.array([SLOT_COLOURS[slot % len(SLOT_COLOURS)] for slot in range(len(slots) - 1)], np.float32)
    return np.rint(np.einsum("khw,kc->hwc", slots[1:], colours)).astype(np.uint8)
