"""``drc eval``: masks of a run, a bundle or a baseline against the truth."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from drc_runtime.errors import UsageError
from drc_runtime.preprocess import resize
from drc_train.data.evaluation import Labelled, load_evaluation
from drc_train.data.source import is_sequence
from drc_train.evaluation.baselines import baseline, best_constant
from drc_train.evaluation.external_masks import is_masks, read_found
from drc_train.evaluation.gallery import Gallery
from drc_train.evaluation.metrics import Score
from drc_train.evaluation.model_masks import BATCH, Result, Segment, chain_segment, is_run, model_segment

SUBTRACTOR_WARM_UP = 20
"""Frames at the start of a clip that are not counted: a background subtractor needs them."""

Figures = dict[str, dict[str, float]]


def evaluate(
    model: Path | None,
    data: str,
    *,
    masks: str | None = None,
    steps: int | None = None,
    baselines: Sequence[str] = (),
    skip: int | None = None,
    seed: int = 0,
    size: int | None = None,
    chains: bool = False,
    gallery: Gallery | None = None,
    progress: Callable[[int], None] | None = None,
) -> Figures:
    """Measures masks against the truth, at the images' own size.

    Images are cold starts from noise, several at once where the model is a run; the frames of a clip are tracked, the first
    one cold.

    Args:
        model: a run's folder, a bundle, or a folder of masks (``drc_train.evaluation.external_masks``); None measures the baselines alone.
        data: as ``drc_train.data.evaluation.load_evaluation``.
        masks: folder of the truth, where it is not beside the data.
        steps: Langevin steps an image or frame; None takes the model's own.
        baselines: ``grabcut`` (images), ``mog2``, ``knn`` (clips), ``constant`` (the best constant mask, which knows
            the truth).
        skip: frames at the start that are not counted; None takes 20 for a clip and 0 for images.
        seed: of the noise that cold starts begin from.
        size: height and width that images and masks are scaled to first; None leaves them as they are.
        chains: take each image's latent from the run's training chains instead: ``data`` is the folder it learned from.
        gallery: shown every extraction of the model.
        progress: called with the number of images done.

    Returns:
        For ``responsibility`` (Eq. 7) and ``mixture`` (pi_f, the paper's reading) and each baseline the figures of
        ``drc_train.evaluation.metrics.Score.summary``, and ``milliseconds``, the median time an image (both readings together). For
        a run with several foreground slots also the means of ``drc_train.evaluation.metrics.partition_figures``. For a folder of masks
        the readings of ``drc_train.evaluation.external_masks.read_found``, and the means of what it measures besides.

    Raises:
        UsageError: nothing to measure.
        SourceError, BundleError, TrainingError: the data or the model cannot be read.
    """
    sequence = is_sequence(data)
    segments: dict[str, Segment] = {}
    if model is not None:
        model = Path(model)
        if is_masks(model):
            segments["drc"] = _one_by_one(lambda labelled: read_found(model, labelled))
        elif chains:
            segments["drc"] = chain_segment(model, Path(data), gallery)
        else:
            segments["drc"] = model_segment(model, sequence, steps, seed, gallery)
    for name in baselines:
        segments[name] = _constant_segment(data, masks) if name == "constant" else _baseline_segment(name)
    if not segments:
        raise UsageError("nothing to measure: give a run or a bundle, or --baseline")
    skipped = SUBTRACTOR_WARM_UP if skip is None and sequence else skip or 0
    scores: dict[str, Score] = {}
    times: dict[str, list[float]] = {}
    others: dict[str, dict[str, list[float]]] = {}
    done = 0
    together = BATCH if model is not None and is_run(model) and not sequence else 1
    for batch in _batches(load_evaluation(data, masks), together):
        if size is not None:
            batch = [_scaled(labelled, size) for labelled in batch]
        for segment in segments.values():
            start = time.perf_counter()
            results = segment(batch)
            elapsed = (time.perf_counter() - start) / len(batch)
            for index, (labelled, (found, besides)) in enumerate(zip(batch, results, strict=True), start=done):
                for reading, mask in found.items():
                    times.setdefault(reading, []).append(elapsed)
                    score = scores.setdefault(reading, Score())
                    if index >= skipped:
                        score.add(mask, labelled.mask)
                        for name, value in besides.items():
                            others.setdefault(reading, {}).setdefault(name, []).append(value)
        done += len(batch)
        if progress:
            progress(done)
    return {
        name: score.summary()
        | {"milliseconds": 1000 * float(np.median(times[name]))}
        | {key: float(np.mean(values)) for key, values in others.get(name, {}).items()}
        for name, score in scores.items()
    }


def _batches(images: Iterable[Labelled], size: int) -> Iterator[list[Labelled]]:
    remaining = iter(images)
    while batch := list(islice(remaining, size)):
        yield batch


def _one_by_one(segment: Callable[[Labelled], Result]) -> Segment:
    return lambda batch: [segment(labelled) for labelled in batch]


def _baseline_segment(name: str) -> Segment:
    segment = baseline(name)
    return _one_by_one(lambda labelled: ({name: segment(labelled.image)}, {}))


def _constant_segment(data: str, masks: str | None) -> Segment:
    segment = best_constant(labelled.mask for labelled in load_evaluation(data, masks))
    return _one_by_one(lambda labelled: ({"constant": segment(labelled.image)}, {}))


def _scaled(labelled: Labelled, size: int) -> Labelled:
    mask = np.where(resize(labelled.mask, (size, size)) >= 128, 255, 0).astype(np.uint8)
    return Labelled(labelled.name, resize(labelled.image, (size, size)), mask)
