"""The result for one image: its foreground probability, and how it was computed."""

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Extraction:
    """The foreground of one image."""

    probability: NDArray[np.uint8]
    """(H, W) at the image's own size, from 0 (background) to 255 (foreground)."""
    log_posterior: float | None
    """Log-posterior of the latent that the mask was read from, without constants; None of a student, which has no latent."""
    steps: int
    """Langevin steps taken; 0 of a student."""
    milliseconds: dict[str, float] = field(default_factory=dict, compare=False)
    """Duration of each stage: ``preprocess``, ``steps``, ``mask`` and, where the mask was refined, ``refine``; of a student
    ``student`` and ``mask``."""
    begun: float = field(default=0.0, compare=False)
    """Start time in seconds, on the clock of ``time.monotonic()``."""
    agreement: float | None = None
    """IoU of the mask before and after it was cut again, in [0, 1]; None where it was not. The lower, the less sure the mask."""
    disagreement: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)
    """(H, W): where the mask is not sure, from 0 (the model and the cut agree) to 255; None where it was not cut again."""

    @cached_property
    def mask(self) -> NDArray[np.uint8]:
        """(H, W): 255 where the probability is 128 or more, else 0."""
        return np.asarray(cv2.threshold(self.probability, 127, 255, cv2.THRESH_BINARY)[1], np.uint8)

    @property
    def foreground_share(self) -> float:
        """Share of the image's pixels in the mask, in [0, 1]."""
        return cv2.countNonZero(self.mask) / self.mask.size
