"""The teachers: masks that methods without labels give pictures, from which a student learns.

One needs no model, inpainting error maximisation; the other is the run, with its chains. The judge cuts the masks of both.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drc_runtime.activity import Report, silent
from drc_runtime.images import Image, list_images
from drc_train.data.cache import CachedImages, cached_images
from drc_train.data.evaluation import Labelled
from drc_train.data.source import image_folder
from drc_train.evaluation.iem import iem
from drc_train.evaluation.model_masks import BATCH, chain_segmenter, model_segmenter
from drc_train.evaluation.options import EvaluationOptions
from drc_train.evaluation.segmentation import BatchSegmenter
from drc_train.training.checkpoint import read_state

AS_THEY_ARE = EvaluationOptions(refine="none")
"""The judge compares a mask with its cut: one that was cut before would agree with its cut whatever it shows."""
Masks = NDArray[np.bool_]
"""``(N, S, S)``: the foreground of N pictures."""


def iem_masks(images: NDArray[np.uint8], report: Report = silent) -> Masks:
    """The masks of inpainting error maximisation, which needs no model and no training.

    Args:
        images: ``(N, 3, S, S)`` uint8 RGB.
        report: called with the number of pictures done, which take some 0.1 s of a core each.
    """
    found = np.zeros((len(images), *images.shape[2:]), bool)
    for index, image in enumerate(_rows(images)):
        report("teachers without training", index, len(images))
        found[index] = iem(image) > 127
    return found


def chain_masks(run: Path, folder: Path, images: NDArray[np.uint8], report: Report = silent) -> Masks:
    """The masks of a run: of its training chains if it learned from this very folder.

    Of other pictures new chains are sampled, which start at the run's initialiser, or at noise if it has none.

    Args:
        run: a run's folder.
        folder: of the pictures.
        images: ``(N, 3, S, S)`` uint8 RGB, the pictures in the folder's order.
        report: called with the number of pictures done.

    Raises:
        TrainingError: the run has no usable checkpoint.
        UsageError: its model is for the video of a fixed camera.
    """
    segment = _segmenter(run, folder)
    names = [path.stem for path in list_images(image_folder(folder))]
    found = np.zeros((len(images), *images.shape[2:]), bool)
    rows = _rows(images)
    for first in range(0, len(rows), BATCH):
        report("the run's chains", first, len(rows))
        batch = slice(first, first + BATCH)
        # a segmenter takes the truth too, of which a model with one slot reads nothing; here there is none
        unlabelled = [
            Labelled(name, image, np.zeros(image.shape[:2], np.uint8))
            for name, image in zip(names[batch], rows[batch], strict=True)
        ]
        for index, segmentation in enumerate(segment(unlabelled), start=first):
            found[index] = segmentation.masks["responsibility"] > 127
    return found


def _segmenter(run: Path, folder: Path) -> BatchSegmenter:
    state = read_state(run)
    own: CachedImages = cached_images(str(folder), state.config.model.image_size)
    if own.fingerprint == state.about.fingerprint and state.config.model.inference == "langevin":
        return chain_segmenter(run, folder, AS_THEY_ARE)
    return model_segmenter(run, False, AS_THEY_ARE)


def _rows(images: NDArray[np.uint8]) -> list[Image]:
    return [np.ascontiguousarray(image.transpose(1, 2, 0)) for image in images]
