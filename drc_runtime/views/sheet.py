"""Samples of the prior side by side, as in Fig. S20."""

from collections.abc import Sequence

import numpy as np

from drc_runtime.images import Image
from drc_runtime.inference.prior import PriorSample
from drc_runtime.preprocess import to_image

GAP = 2
"""White pixels between two tiles."""


def prior_sheet(samples: Sequence[PriorSample]) -> Image:
    """One column for each sample; rows: the image, the foreground before white by its mask, the background, the mask.

    Returns:
        ``(H', W', 3)`` uint8 RGB on white.
    """
    columns = [np.concatenate([_framed(tile) for tile in _tiles(sample)]) for sample in samples]
    return np.concatenate(columns, axis=1)[:-GAP, :-GAP]


def _tiles(sample: PriorSample) -> list[Image]:
    masked = sample.mask * sample.foreground + (1 - sample.mask)
    grey = np.repeat(sample.mask * np.float32(2) - 1, 3, axis=0)
    return [to_image(tensor) for tensor in (sample.image, masked, sample.background, grey)]


def _framed(tile: Image) -> Image:
    return np.pad(tile, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)
