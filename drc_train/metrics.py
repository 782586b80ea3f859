"""IoU, Dice and F1 of foreground masks (Appendix E)."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass
class Score:
    """Collects masks and sums them up.

    IoU and Dice are means over the pictures whose truth has a foreground; F1 is over all pixels of all pictures, those
    without a foreground included, so that a false alarm in an empty frame counts.
    """

    ious: list[float] = field(default_factory=list)
    dices: list[float] = field(default_factory=list)
    pictures: int = 0
    _intersection: int = 0
    _found: int = 0
    _true: int = 0

    def add(self, mask: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
        """Both ``(H, W)``, foreground where above 127."""
        found, true = mask > 127, truth > 127
        intersection, found_area, true_area = int((found & true).sum()), int(found.sum()), int(true.sum())
        self.pictures += 1
        self._intersection += intersection
        self._found += found_area
        self._true += true_area
        if true_area:
            self.ious.append(intersection / (found_area + true_area - intersection))
            self.dices.append(2 * intersection / (found_area + true_area))

    def summary(self) -> dict[str, float]:
        """``iou``, ``dice`` and ``f1`` in [0, 1], and how many pictures and pictures with a foreground there were."""
        return {
            "iou": float(np.mean(self.ious)) if self.ious else 0.0,
            "dice": float(np.mean(self.dices)) if self.dices else 0.0,
            "f1": 2 * self._intersection / max(self._found + self._true, 1),
            "pictures": self.pictures,
            "with_foreground": len(self.ious),
        }
