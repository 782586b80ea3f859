"""What is measured of an image: its masks by the name of their reading, and further figures."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from drc_train.data.evaluation import Labelled
from drc_train.evaluation.metrics import Mask


class Segmentation(NamedTuple):
    """One image's masks and what else was measured on it."""

    masks: dict[str, Mask]
    """Masks ``(H, W)`` uint8 by the name of their reading."""
    figures: dict[str, float]
    """Figures that belong to no single mask, such as ``ari``."""


BatchSegmenter = Callable[[Sequence[Labelled]], list[Segmentation]]
"""Images to their segmentations. The truth is given for readings and figures that need it."""
