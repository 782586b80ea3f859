"""The teachers: masks that methods without labels give pictures, from which a student learns.

Two need no model: inpainting error maximisation, and its mask cut again by the picture's colours. Two are the run's: its chains,
and their masks cut in the same way.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drc_runtime.activity import Report, silent
from drc_runtime.images import Image, list_images
from drc_runtime.inference.cut import refine
from drc_train.data.cache import CachedImages, cached_images
from drc_train.data.evaluation import Labelled
from drc_train.data.source import image_folder
from drc_train.evaluation.iem import iem
from drc_train.evaluation.model_masks import BATCH, chain_segmenter, model_segmenter
from drc_train.evaluation.options import EvaluationOptions
from drc_train.evaluation.segmentation import BatchSegmenter
from drc_train.training.checkpoint import read_state

Masks = NDArray[np.uint8]
"""``(N, S, S)``: the foreground's probability in N pictures, from 0 to 255."""
GATE = 0.0
"""Of the cuts: none, because the judge weighs a cut by its agreement with the others."""


def masks_without_training(images: NDArray[np.uint8], report: Report = silent) -> dict[str, Masks]:
    """The masks of ``iem`` and ``iem-cut`` by name.

    Args:
        images: ``(N, 3, S, S)`` uint8 RGB.
        report: called with the number of pictures done, which take some 0.2 s of a core each.
    """
    found = np.zeros((2, len(images), *images.shape[2:]), np.uint8)
    for index, image in enumerate(_rows(images)):
        report("teachers without training", index, len(images))
        found[0, index] = iem(image)
        found[1, index] = refine(image, found[0, index], GATE)
    return {"iem": found[0], "iem-cut": found[1]}


def masks_of_run(run: Path, folder: Path, images: NDArray[np.uint8], report: Report = silent) -> dict[str, Masks]:
    """The masks of ``chain`` and ``chain-cut`` by name: of the run's training chains if it learned from this very folder.

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
    found = np.zeros((2, len(images), *images.shape[2:]), np.uint8)
    rows = list(_rows(images))
    for first in range(0, len(rows), BATCH):
        report("the run's chains", first, len(rows))
        batch = slice(first, first + BATCH)
        # a segmenter takes the truth too, of which a model with one slot reads nothing; here there is none
        unlabelled = [
            Labelled(name, image, np.zeros(image.shape[:2], np.uint8))
            for name, image in zip(names[batch], rows[batch], strict=True)
        ]
        for index, (image, segmentation) in enumerate(zip(rows[batch], segment(unlabelled), strict=True), start=first):
            found[0, index] = segmentation.masks["responsibility"]
            found[1, index] = refine(image, found[0, index], GATE)
    return {"chain": found[0], "chain-cut": found[1]}


def _segmenter(run: Path, folder: Path) -> BatchSegmenter:
    state = read_state(run)
    own: CachedImages = cached_images(str(folder), state.config.model.image_size)
    if own.fingerprint == state.about.fingerprint and state.config.model.inference == "langevin":
        return chain_segmenter(run, folder, EvaluationOptions())
    return model_segmenter(run, False, EvaluationOptions())


def _rows(images: NDArray[np.uint8]) -> list[Image]:
    return [np.ascontiguousarray(image.transpose(1, 2, 0)) for image in images]
