"""IoU, Dice and F1 of foreground masks (Appendix E), also of methods that find several masks or do not name the foreground."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]


@dataclass
class Score:
    """Collects masks and sums them up.

    IoU and Dice are means over the images whose truth has a foreground (Eqs. 25, 26); F1 is over all pixels of all
    images, those without a foreground included, so that a false alarm in an empty frame counts.
    """

    ious: list[float] = field(default_factory=list)
    dices: list[float] = field(default_factory=list)
    images: int = 0
    _intersection: int = 0
    _found: int = 0
    _true: int = 0

    def add(self, mask: Mask, truth: Mask) -> None:
        """Both ``(H, W)``, foreground where above 127."""
        found, true = mask > 127, truth > 127
        intersection, found_area, true_area = int((found & true).sum()), int(found.sum()), int(true.sum())
        self.images += 1
        self._intersection += intersection
        self._found += found_area
        self._true += true_area
        if true_area:
            self.ious.append(intersection / (found_area + true_area - intersection))
            self.dices.append(2 * intersection / (found_area + true_area))

    def summary(self) -> dict[str, float]:
        """``iou``, ``dice`` and ``f1`` in [0, 1], and how many images and images with a foreground there were."""
        return {
            "iou": float(np.mean(self.ious)) if self.ious else 0.0,
            "dice": float(np.mean(self.dices)) if self.dices else 0.0,
            "f1": 2 * self._intersection / max(self._found + self._true, 1),
            "images": self.images,
            "with_foreground": len(self.ious),
        }


def iou(mask: Mask, truth: Mask) -> float:
    """Eq. 25 of two masks ``(H, W)``, foreground where above 127; 1 where both are empty."""
    found, true = mask > 127, truth > 127
    union = int((found | true).sum())
    return int((found & true).sum()) / union if union else 1.0


def best_permutation(mask: Mask, truth: Mask) -> Mask:
    """The mask or its complement, whichever fits the truth better: for methods that do not name the foreground.

    Chosen for each image by IoU, as Table 1 does for its rows marked with a section sign. It uses the truth.
    """
    return max(mask, complement(mask), key=lambda choice: iou(choice, truth))


def complement(mask: Mask) -> Mask:
    """Foreground where the mask, ``(H, W)`` in [0, 255], is at most 127."""
    return np.where(mask > 127, 0, 255).astype(np.uint8)


def all_but_the_background(slots: Sequence[Mask], truth: Mask) -> Mask:
    """Appendix E's first way from slots to a foreground: one of them is the background, the one that fits best.

    Args:
        slots: one mask ``(H, W)`` in [0, 255] for each slot.
        truth: ``(H, W)``; the slot is chosen by IoU with it.
    """
    return max((complement(slot) for slot in slots), key=lambda choice: iou(choice, truth))


def all_slots(slots: Sequence[Mask]) -> Mask:
    """Appendix E's second way: everything that some slot holds above 127, for backgrounds spread over all slots."""
    return np.where(np.max(np.stack(list(slots)), 0) > 127, 255, 0).astype(np.uint8)


def instances(truth: Mask) -> NDArray[np.int32]:
    """Labels ``(H, W)`` of the objects in a mask: 0 for the background, then one for each connected part.

    Right where objects keep apart, as in TM-dSprites; objects that touch count as one.
    """
    return np.asarray(cv2.connectedComponents(np.where(truth > 127, 255, 0).astype(np.uint8))[1], np.int32)


def adjusted_rand_index(labels: NDArray[np.integer], truth: NDArray[np.integer], foreground: bool = False) -> float:
    """How well a partition of the pixels agrees with the true one, 1 for the same and 0 on average by chance.

    Hubert and Arabie's index: (index - expected) / (maximum - expected), over pairs of pixels. 1 where both partitions are
    trivial in the same way.

    Args:
        labels: one number for each pixel, any shape.
        truth: the same shape; 0 is the background.
        foreground: count only pixels whose truth is not 0 (ARI without background, section 4.1).
    """
    labels, truth = np.ravel(labels), np.ravel(truth)
    if foreground:
        labels, truth = labels[truth != 0], truth[truth != 0]
    first, second = (np.unique(values, return_inverse=True)[1] for values in (labels, truth))
    table = np.bincount(first * (second.max(initial=0) + 1) + second)

    def pairs(counts: NDArray[np.integer]) -> float:
        many = counts.astype(np.float64)
        return float((many * (many - 1) / 2).sum())

    index, rows, columns = pairs(table), pairs(np.bincount(first)), pairs(np.bincount(second))
    total = len(labels) * (len(labels) - 1) / 2
    expected = rows * columns / total if total else 0.0
    maximum = (rows + columns) / 2
    return (index - expected) / (maximum - expected) if maximum != expected else 1.0


def partition_figures(labels: NDArray[np.integer], truth: Mask) -> dict[str, float]:
    """``ari`` of a partition ``(H, W)`` against the parts of a mask, and ``ari_foreground`` where the mask has any."""
    objects = instances(truth)
    figures = {"ari": adjusted_rand_index(labels, objects)}
    if objects.any():
        figures["ari_foreground"] = adjusted_rand_index(labels, objects, foreground=True)
    return figures
