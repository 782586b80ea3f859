"""IoU, Dice and F1 of foreground masks (Appendix E), also for methods with several slots or an unnamed foreground."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_train.data.masks import binary

Mask = NDArray[np.uint8]
Void = NDArray[np.bool_] | None
"""``(H, W)``: pixels that are not measured; None: all are."""


@dataclass
class Score:
    """Accumulates the scores of masks, one image at a time.

    IoU and Dice are means over the images whose truth has a foreground (Eqs. 25, 26). F1 is over all pixels of all
    images, including those without a foreground, so that false positives in an empty frame count.
    """

    ious: list[float] = field(default_factory=list)
    dices: list[float] = field(default_factory=list)
    images: int = 0
    pixels: int = 0
    void: int = 0
    _intersection: int = 0
    _found: int = 0
    _true: int = 0

    def add(self, mask: Mask, truth: Mask, void: Void = None) -> None:
        """Adds a mask and its truth, both ``(H, W)`` uint8, foreground where above 127; void pixels are not measured."""
        found, true = _foreground(mask, void), _foreground(truth, void)
        self.pixels += truth.size
        self.void += 0 if void is None else int(void.sum())
        intersection, found_area, true_area = int((found & true).sum()), int(found.sum()), int(true.sum())
        self.images += 1
        self._intersection += intersection
        self._found += found_area
        self._true += true_area
        if true_area:
            self.ious.append(intersection / (found_area + true_area - intersection))
            self.dices.append(2 * intersection / (found_area + true_area))

    def summary(self) -> dict[str, float]:
        """``iou``, ``dice`` and ``f1`` in [0, 1], and the numbers ``images`` and ``with_foreground`` of images.

        If the truth has void pixels, also ``void``, their share of all pixels.
        """
        void = {"void": self.void / self.pixels} if self.void else {}
        return void | {
            "iou": float(np.mean(self.ious)) if self.ious else 0.0,
            "dice": float(np.mean(self.dices)) if self.dices else 0.0,
            "f1": 2 * self._intersection / max(self._found + self._true, 1),
            "images": self.images,
            "with_foreground": len(self.ious),
        }


def _foreground(mask: Mask, void: Void) -> NDArray[np.bool_]:
    return mask > 127 if void is None else (mask > 127) & ~void


def iou(mask: Mask, truth: Mask, void: Void = None) -> float:
    """Eq. 25 of two masks ``(H, W)``, foreground where above 127, outside of the void pixels; 1 where both are empty."""
    found, true = _foreground(mask, void), _foreground(truth, void)
    union = int((found | true).sum())
    return int((found & true).sum()) / union if union else 1.0


def best_permutation(mask: Mask, truth: Mask, void: Void = None) -> Mask:
    """The mask or its complement, whichever has the higher IoU with the truth.

    For methods that do not say which region is the foreground; Table 1 does this for its rows marked with a section sign.
    """
    return max(mask, complement(mask), key=lambda choice: iou(choice, truth, void))


def complement(mask: Mask) -> Mask:
    """Foreground where the mask, ``(H, W)`` in [0, 255], is at most 127."""
    return np.where(mask > 127, 0, 255).astype(np.uint8)


def all_but_the_background(slots: Sequence[Mask], truth: Mask, void: Void = None) -> Mask:
    """Appendix E's first reading of slots: one slot is the background, all others are the foreground.

    Args:
        slots: one mask ``(H, W)`` in [0, 255] for each slot.
        truth: ``(H, W)``; the background slot is the one whose complement has the highest IoU with it.
        void: pixels that do not count for that.
    """
    return max((complement(slot) for slot in slots), key=lambda choice: iou(choice, truth, void))


def all_slots(slots: Sequence[Mask]) -> Mask:
    """Appendix E's second reading: foreground where any slot is above 127, for a background that no slot has alone."""
    return binary(np.max(np.stack(list(slots)), 0))


def instances(truth: Mask) -> NDArray[np.int32]:
    """Labels ``(H, W)`` of the objects in a mask: 0 for the background, then one for each connected component.

    Exact where objects keep apart, as in TM-dSprites; objects that touch count as one.
    """
    return np.asarray(cv2.connectedComponents(binary(truth))[1], np.int32)


def adjusted_rand_index(labels: NDArray[np.integer], truth: NDArray[np.integer], foreground: bool = False) -> float:
    """Adjusted Rand index (Hubert and Arabie) of two partitions of the pixels: 1 if equal, 0 on average by chance.

    Args:
        labels: one label for each pixel, any shape.
        truth: the same shape; 0 is the background.
        foreground: count only pixels whose truth is not 0 (ARI without background, section 4.1); there must be some.
    """
    # Imported here because it takes over a second, and only partitions need it.
    from sklearn.metrics import adjusted_rand_score

    labels, truth = np.ravel(labels), np.ravel(truth)
    if foreground:
        labels, truth = labels[truth != 0], truth[truth != 0]
    return float(adjusted_rand_score(truth, labels))


def partition_figures(labels: NDArray[np.integer], truth: Mask, void: Void = None) -> dict[str, float]:
    """``ari`` of a partition ``(H, W)`` against a mask's connected components, and ``ari_foreground`` if it has any.

    Void pixels are not measured.
    """
    objects = instances(truth)
    if void is not None:
        labels, objects = labels[~void], objects[~void]
    figures = {"ari": adjusted_rand_index(labels, objects)}
    if objects.any():
        figures["ari_foreground"] = adjusted_rand_index(labels, objects, foreground=True)
    return figures
