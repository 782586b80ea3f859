"""Measures the masks of a run, a bundle, another method or a baseline against the ground truth."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from drc_runtime.errors import SourceError
from drc_runtime.preprocess import resize
from drc_train.data.evaluation import Labelled, load_evaluation
from drc_train.data.masks import binary
from drc_train.data.source import is_sequence
from drc_train.evaluation.baselines import baseline, best_constant
from drc_train.evaluation.camera_baselines import plain
from drc_train.evaluation.external_masks import is_masks, read_masks
from drc_train.evaluation.gallery import Gallery, draw_run
from drc_train.evaluation.metrics import Mask, Score
from drc_train.evaluation.model_masks import (
    BATCH,
    chain_segmenter,
    model_segmenter,
    student_segmenter,
)
from drc_train.evaluation.options import EvaluationOptions, check_options
from drc_train.evaluation.segmentation import BatchSegmenter, Segmentation
from drc_train.figures.dataset_statistics import write_statistics
from drc_train.training.record import is_run

SUBTRACTOR_WARM_UP = 20
"""Frames at the start of a clip that are not counted, because a background subtractor needs them to adapt."""

Figures = dict[str, dict[str, float]]
"""Names of masks to their figures."""


def evaluate(
    model: Path | None,
    data: str,
    *,
    baselines: Sequence[str] = (),
    options: EvaluationOptions | None = None,
    progress: Callable[[int], None] | None = None,
) -> Figures:
    """Measures masks against the ground truth, at the images' own size unless ``options`` say otherwise.

    Each image's chain starts from noise; the frames of a clip are tracked, and only the first one starts from noise.

    Args:
        model: a run's folder, a bundle, or a folder of masks as in ``external_masks.read_masks``; None measures the
            baselines alone.
        data: as in ``drc_train.data.evaluation.load_evaluation``.
        baselines: of ``baselines.BASELINES``: ``grabcut``, ``iem``, ``iem-cut`` (images), ``constant`` (the best
            constant mask, which is chosen by the ground truth), and for clips
            ``plain``, ``online``, ``mog2``, ``knn``, ``cnt``, ``gsoc``, ``lsbp``.
        options: how; None takes the defaults.
        progress: called with the number of images done.

    Returns:
        For ``responsibility`` (Eq. 7), ``mixture`` (pi_f, as the paper reads its masks) and each baseline the figures of
        ``metrics.Score.summary``, and ``milliseconds``, the median time for an image (both readings together); ``student`` alone
        of a model where ``options`` ask for it. For a run with several foreground slots also the means of
        ``metrics.partition_figures``. For a folder of masks the readings of ``external_masks.read_masks`` and the means of its
        other figures.

    Raises:
        UsageError: nothing to measure, or an option without effect.
        SourceError, BundleError, TrainingError: the data or the model cannot be read.
        OutputError: the gallery cannot be written.
    """
    options = options or EvaluationOptions()
    check_options(options, [] if model is None else [model], [data], baselines)
    return measure(model, data, baselines, options, progress)


def measure(
    model: Path | None,
    data: str,
    baselines: Sequence[str],
    options: EvaluationOptions,
    progress: Callable[[int], None] | None,
) -> Figures:
    """As ``evaluate``, with options that were checked before."""
    sequence = is_sequence(data)
    gallery = Gallery(options.gallery) if options.gallery else None
    segmenters = [] if model is None else [_segmenter(model, data, options, gallery)]
    segmenters += [_baseline_segmenter(name, data, options.truth) for name in baselines]
    skipped = (SUBTRACTOR_WARM_UP if options.skip is None else options.skip) if sequence else 0
    tallies: dict[str, _Tally] = {}
    done = 0
    together = 1 if model is None or is_masks(model) or sequence else options.batch or BATCH
    for batch in _batches(_measured(data, options), together):
        for segmenter in segmenters:
            start = time.perf_counter()
            found = segmenter(batch)
            elapsed = (time.perf_counter() - start) / len(batch)
            for index, (labelled, segmentation) in enumerate(zip(batch, found, strict=True), start=done):
                for name, mask in segmentation.masks.items():
                    tally = tallies.setdefault(name, _Tally())
                    tally.seconds.append(elapsed)
                    if index >= skipped:
                        tally.add(mask, labelled, segmentation.figures)
        done += len(batch)
        if progress:
            progress(done)
    if not any(tally.score.ious for tally in tallies.values()):
        raise SourceError(
            f"{data}: no image that was counted has a foreground in its truth, so there is no IoU; check --skip"
        )
    if gallery is not None and options.gallery is not None and model is not None:
        write_statistics(options.gallery, load_evaluation(data, options.truth))
        gallery.write(_measured(data, options))
        if is_run(model):
            draw_run(model, options.gallery, options.seed or 0)
    return {name: tally.figures() for name, tally in tallies.items()}


@dataclass
class _Tally:
    """What was measured of one kind of masks so far."""

    score: Score = field(default_factory=Score)
    seconds: list[float] = field(default_factory=list)
    others: dict[str, list[float]] = field(default_factory=dict)

    def add(self, mask: Mask, labelled: Labelled, figures: dict[str, float]) -> None:
        self.score.add(mask, labelled.mask, labelled.void)
        for name, value in figures.items():
            self.others.setdefault(name, []).append(value)

    def figures(self) -> dict[str, float]:
        return (
            self.score.summary()
            | {"milliseconds": 1000 * float(np.median(self.seconds))}
            | {name: float(np.mean(values)) for name, values in self.others.items()}
        )


def _measured(data: str, options: EvaluationOptions) -> Iterator[Labelled]:
    """The images that are measured, at the size at which they are."""
    for labelled in islice(load_evaluation(data, options.truth), *(options.part or (None,))):
        yield labelled if options.size is None else _scaled(labelled, options.size)


def _batches(images: Iterable[Labelled], size: int) -> Iterator[list[Labelled]]:
    remaining = iter(images)
    while batch := list(islice(remaining, size)):
        yield batch


def _segmenter(model: Path, data: str, options: EvaluationOptions, gallery: Gallery | None) -> BatchSegmenter:
    if is_masks(model):
        return lambda batch: [read_masks(model, labelled) for labelled in batch]
    if options.student:
        return student_segmenter(model, options.refinement(is_sequence(data)))
    if options.chains:
        return chain_segmenter(model, Path(data), options, gallery)
    return model_segmenter(model, is_sequence(data), options, gallery)


def _baseline_segmenter(name: str, data: str, truth: Path | None) -> BatchSegmenter:
    if name == "constant":
        segment = best_constant(labelled.mask for labelled in load_evaluation(data, truth))
    elif name == "plain":
        count = sum(1 for _ in load_evaluation(data, truth))
        segment = plain((labelled.image for labelled in load_evaluation(data, truth)), count)
    else:
        segment = baseline(name)
    return lambda batch: [Segmentation({name: segment(labelled.image)}, {}) for labelled in batch]


def _scaled(labelled: Labelled, size: int) -> Labelled:
    mask = binary(resize(labelled.mask, (size, size)))
    void = None if labelled.void is None else resize(labelled.void.astype(np.uint8) * 255, (size, size)) > 127
    return Labelled(labelled.name, resize(labelled.image, (size, size)), mask, void)
