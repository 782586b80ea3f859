"""Tiles of the grids and their assembly. On numpy alone, because bundles are drawn without PyTorch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drc_runtime.images import Image
from drc_runtime.preprocess import to_image

GAP = 2
"""White pixels to the right of and below each tile."""
SLOT_COLOURS = ((230, 75, 60), (60, 140, 230), (245, 190, 50), (90, 185, 95), (160, 90, 200), (70, 200, 200))
"""Of the foreground slots, repeated if there are more slots; the background is black."""

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


def assemble(columns: Sequence[Sequence[Image]]) -> Image:
    """One image ``(H', W', 3)`` uint8 RGB of columns that have the same number of tiles of the same size."""
    framed = [np.pad(tile, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for column in columns for tile in column]
    rows = len(columns[0])
    return np.concatenate([np.concatenate(framed[at : at + rows]) for at in range(0, len(framed), rows)], axis=1)


def grey(plane: Map) -> Image:
    """A plane ``(1, H, W)`` in [0, 1] as a grey image ``(H, W, 3)`` uint8."""
    return to_image(np.repeat(plane * np.float32(2) - 1, 3, axis=0))


def _coloured(slots: Map) -> Image:
    colours = np.array([SLOT_COLOURS[slot % len(SLOT_COLOURS)] for slot in range(len(slots) - 1)], np.float32)
    return np.rint(np.einsum("khw,kc->hwc", slots[1:], colours)).astype(np.uint8)
