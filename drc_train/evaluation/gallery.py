"""Figures of a model for ``drc eval --gallery``: its extractions, samples of its prior, its re-assignment."""

import heapq
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from drc_runtime.images import Image
from drc_runtime.inference.langevin import PosteriorSample
from drc_runtime.preprocess import resize, to_tensor
from drc_train.data.evaluation import Labelled
from drc_train.evaluation.metrics import Mask, iou
from drc_train.evaluation.sheet import Sheet
from drc_train.figures.tiles import Map, assemble, extraction_labels, extraction_tiles
from drc_train.figures.write import write_images

COLUMNS = 12
"""Columns of a grid."""


class Gallery:
    """Collects extractions while they are measured, and draws them.

    The first ones (Figs. 3, S5 to S8) and the worst (Fig. S9) become grids, the best, median and worst masks a sheet; the masks
    of slots become files.
    """

    def __init__(self, folder: Path) -> None:
        """``folder`` is made if needed."""
        self._folder = folder
        self._first: list[list[Image]] = []
        self._worst: list[tuple[float, int, list[Image]]] = []  # a heap with the best of the worst first
        self._seen = 0
        self._sheet = Sheet()

    def add(self, labelled: Labelled, sample: PosteriorSample, mask: Mask, slots: Map | None) -> None:
        """Adds one image.

        Slots are written at once, as ``slots/NAME/0.png`` (the background), ``1.png`` and so on, so that
        ``external_masks.read_masks`` can read them. The grids leave out images without a foreground, as the mean IoU does.

        Args:
            labelled: the image and its truth.
            sample: its posterior sample, batch 1.
            mask: ``(H, W)`` uint8 at the image's size.
            slots: ``(1 + K, h, w)`` in [0, 1], the responsibilities of background and slots; None for a single slot.

        Raises:
            OutputError: the disk refuses.
        """
        if slots is not None:
            height, width = labelled.mask.shape
            shares = [cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR) for share in slots]
            masks = {str(number): np.rint(255 * share).astype(np.uint8) for number, share in enumerate(shares)}
            write_images(self._folder / "slots" / labelled.name, masks)
        self._sheet.add(labelled, mask)
        if not labelled.mask.any():
            return
        self._seen += 1
        score = iou(mask, labelled.mask, labelled.void)
        wanted = len(self._first) < COLUMNS
        if not wanted and len(self._worst) == COLUMNS and score >= -self._worst[0][0]:
            return
        size = sample.mask.shape[2], sample.mask.shape[3]
        found, truth = (
            resize(plane, size)[None].astype(np.float32) / np.float32(255) for plane in (mask, labelled.mask)
        )
        image = to_tensor(labelled.image, size)
        column = extraction_tiles(
            image, sample.mask[0], sample.foreground[0], sample.background[0], found, truth, slots
        )
        if wanted:
            self._first.append(column)
        entry = (-score, self._seen, column)  # the count breaks ties, because columns cannot be compared
        (heapq.heappush if len(self._worst) < COLUMNS else heapq.heappushpop)(self._worst, entry)

    def write(self, data: Iterable[Labelled]) -> list[Path]:
        """Writes ``extractions.png``, ``worst.png``, the worst first, and ``sheet.png``; nothing if no image had a foreground.

        Args:
            data: the same images as were added, in their order.

        Returns:
            The files.

        Raises:
            OutputError: the disk refuses.
        """
        if not self._first:
            return []
        worst = [column for _, _, column in sorted(self._worst, reverse=True)]
        labels = extraction_labels(truth=True, slots=len(worst[0]) > len(extraction_labels(truth=True)))
        images = {"extractions": assemble(self._first, labels), "worst": assemble(worst, labels)}
        sheet = self._sheet.draw(data)
        if sheet is not None:
            images["sheet"] = sheet
        return write_images(self._folder, images)


def draw_run(run: Path, folder: Path, seed: int = 0) -> list[Path]:
    """Writes ``prior.png`` (Fig. S20) and, if the run has a re-assignment, ``reassignment.png`` (Fig. 2, of its first chains).

    Args:
        run: the run's folder.
        folder: the folder to write to, made if needed.
        seed: seed of the noise of the prior's chains, which take K0 steps.

    Returns:
        The files.

    Raises:
        TrainingError: no checkpoint, or a damaged one.
        OutputError: the disk refuses.
    """
    import torch

    from drc_train.figures.grids import prior_figure, reassignment_figure
    from drc_train.sampling.langevin import prior_step
    from drc_train.training.checkpoint import load_chains, load_model

    model, config, _ = load_model(run)
    noise = torch.Generator().manual_seed(seed)
    z = torch.randn(COLUMNS, config.model.latent.total, generator=noise)
    for _ in range(config.train.prior_steps):
        z, _ = prior_step(model, z, torch.randn(z.shape, generator=noise), config.train)
    images = {"prior": prior_figure(model, z)}
    if config.model.latent.reassignment:
        images["reassignment"] = reassignment_figure(model, load_chains(run)[:COLUMNS])
    return write_images(folder, images)
