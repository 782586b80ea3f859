"""Masks that another method wrote into a folder, measured by the same code as this project's."""

from pathlib import Path

import numpy as np

from drc_runtime.bundle.manifest import MANIFEST
from drc_runtime.errors import SourceError
from drc_runtime.preprocess import resize
from drc_train.data.evaluation import Labelled
from drc_train.data.masks import read_probabilities
from drc_train.evaluation.metrics import Mask, all_but_the_background, all_slots, best_permutation, partition_figures
from drc_train.evaluation.segmentation import Segmentation
from drc_train.training.record import STATE_FILE


def is_masks(folder: Path) -> bool:
    """Whether ``folder`` holds masks (images ``NAME.png``, or folders ``NAME`` of them) and is neither a run nor a bundle."""
    if not folder.is_dir() or any((folder / name).exists() for name in (STATE_FILE, MANIFEST)):
        return False
    return any(folder.glob("*.png")) or any(folder.glob("*/*.png"))


def read_masks(folder: Path, labelled: Labelled) -> Segmentation:
    """A method's masks of one image, in each of the ways in which they can be read as a foreground.

    Args:
        folder: holds ``NAME.png``, a mask, or ``NAME/*.png``, one mask for each slot of a method with several slots.
        labelled: the image; masks of another size are scaled to its size.

    Returns:
        For one mask ``as given`` and ``best permutation``; for slots ``one slot as background`` and ``all slots``
        (Appendix E), and the partition's ``ari`` and ``ari_foreground`` against the connected parts of the truth.

    Raises:
        SourceError: no mask for this image, or one that cannot be read.
    """
    shape, truth, void = labelled.mask.shape, labelled.mask, labelled.void
    single = folder / f"{labelled.name}.png"
    if single.is_file():
        mask = _fitted(read_probabilities(single), shape)
        return Segmentation({"as given": mask, "best permutation": best_permutation(mask, truth, void)}, {})
    paths = sorted((folder / labelled.name).glob("*.png"))
    if len(paths) < 2:
        raise SourceError(
            f"{folder} has neither {labelled.name}.png nor {labelled.name}/ with two or more slots; write a mask for each image"
        )
    slots = [_fitted(read_probabilities(path), shape) for path in paths]
    masks = {"one slot as background": all_but_the_background(slots, truth, void), "all slots": all_slots(slots)}
    return Segmentation(masks, partition_figures(np.argmax(np.stack(slots), 0), truth, void))


def _fitted(mask: Mask, shape: tuple[int, ...]) -> Mask:
    return mask if mask.shape == shape else resize(mask, (shape[0], shape[1]))
