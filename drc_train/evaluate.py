"""``drc eval``: masks of a run, a bundle or a baseline against the truth."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from drc_runtime.errors import UsageError
from drc_runtime.extractor import MASKS, Extractor
from drc_runtime.langevin import PosteriorSample
from drc_runtime.preprocess import Picture, resize, to_tensor
from drc_train.baselines import baseline, best_constant
from drc_train.data.evaluation import Labelled, load_evaluation
from drc_train.data.source import is_sequence
from drc_train.metrics import Score
from drc_train.predicted import is_masks, read_found

SUBTRACTOR_WARM_UP = 20
"""Frames at the start of a clip that are not counted: a background subtractor needs them."""

Figures = dict[str, dict[str, float]]
Segment = Callable[[Labelled], tuple[dict[str, np.ndarray], dict[str, float]]]
"""A picture to its masks by reading, and what else was measured on it. The truth is for the readings that need it."""


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
    progress: Callable[[int], None] | None = None,
) -> Figures:
    """Measures masks against the truth, at the pictures' own size.

    Pictures are cold starts from noise; the frames of a clip are tracked, the first one cold.

    Args:
        model: a run's folder, a bundle, or a folder of masks (``drc_train.predicted``); None measures the baselines alone.
        data: as ``drc_train.data.evaluation.load_evaluation``.
        masks: folder of the truth, where it is not beside the data.
        steps: Langevin steps a picture or frame; None takes the model's own.
        baselines: ``grabcut`` (pictures), ``mog2``, ``knn`` (clips), ``constant`` (the best constant mask, which knows
            the truth).
        skip: frames at the start that are not counted; None takes 20 for a clip and 0 for pictures.
        seed: of the noise that cold starts begin from.
        size: height and width that pictures and masks are scaled to first; None leaves them as they are.
        progress: called with the number of pictures done.

    Returns:
        For ``responsibility`` (Eq. 7) and ``mixture`` (pi_f, the paper's reading) and each baseline the figures of
        ``drc_train.metrics.Score.summary``, and ``milliseconds``, the median time a picture (both readings together). For
        a folder of masks the readings of ``drc_train.predicted.read_found``, and the means of what it measures besides.

    Raises:
        UsageError: nothing to measure.
        SourceError, BundleError, TrainingError: the data or the model cannot be read.
    """
    sequence = is_sequence(data)
    segments: dict[str, Segment] = {}
    if model is not None:
        model = Path(model)
        segments["drc"] = _masks_segment(model) if is_masks(model) else _model_segment(model, sequence, steps, seed)
    for name in baselines:
        segments[name] = _constant_segment(data, masks) if name == "constant" else _baseline_segment(name)
    if not segments:
        raise UsageError("nothing to measure: give a run or a bundle, or --baseline")
    skipped = SUBTRACTOR_WARM_UP if skip is None and sequence else skip or 0
    scores: dict[str, Score] = {}
    times: dict[str, list[float]] = {}
    others: dict[str, dict[str, list[float]]] = {}
    for index, labelled in enumerate(load_evaluation(data, masks)):
        if size is not None:
            labelled = _scaled(labelled, size)
        for segment in segments.values():
            start = time.perf_counter()
            found, besides = segment(labelled)
            for reading, mask in found.items():
                times.setdefault(reading, []).append(time.perf_counter() - start)
                score = scores.setdefault(reading, Score())
                if index >= skipped:
                    score.add(mask, labelled.mask)
                    for name, value in besides.items():
                        others.setdefault(reading, {}).setdefault(name, []).append(value)
        if progress:
            progress(index + 1)
    return {
        name: score.summary()
        | {"milliseconds": 1000 * float(np.median(times[name]))}
        | {key: float(np.mean(values)) for key, values in others.get(name, {}).items()}
        for name, score in scores.items()
    }


def load_extractor(model: Path, seed: int = 0) -> Extractor:
    """An Extractor over a bundle, or over a run's checkpoint through PyTorch, which loads slowly and only for a run."""
    if (model / "manifest.json").is_file():
        return Extractor(model, seed=seed)
    from drc_train.checkpoint import load_model
    from drc_train.engine import TorchEngine, is_run, manifest_of

    if not is_run(model):
        return Extractor(model, seed=seed)  # which says what is missing
    networks, config, _ = load_model(model)
    return Extractor.over(TorchEngine(networks, config), manifest_of(config, model.name), seed=seed)


def _model_segment(model: Path, sequence: bool, steps: int | None, seed: int) -> Segment:
    extractor = load_extractor(model, seed)
    sample_from = sampling(extractor, sequence, steps)

    def segment(labelled: Labelled) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        sample = sample_from(labelled.picture)
        return {reading: extractor.probability(labelled.picture, sample, reading) for reading in MASKS}, {}

    return segment


def sampling(extractor: Extractor, sequence: bool, steps: int | None) -> Callable[[Picture], PosteriorSample]:
    """A function from pictures to posterior samples: from noise, or in a sequence from where the last picture's chain ended."""
    sampler, settings = extractor.sampler, extractor.manifest.sampler
    z = None

    def sample_from(picture: Picture) -> PosteriorSample:
        nonlocal z
        if sequence and z is not None:
            start, count = z, steps or settings.track_steps
        else:
            start, count = (
                sampler.noise(),
                max(settings.cold_steps, steps or 0) if sequence else steps or settings.cold_steps,
            )
        sample = sampler.run(to_tensor(picture, extractor.manifest.image_size), start, count)
        z = sample.z
        return sample

    return sample_from


def _masks_segment(folder: Path) -> Segment:
    return lambda labelled: read_found(folder, labelled)


def _baseline_segment(name: str) -> Segment:
    segment = baseline(name)
    return lambda labelled: ({name: segment(labelled.picture)}, {})


def _constant_segment(data: str, masks: str | None) -> Segment:
    segment = best_constant(labelled.mask for labelled in load_evaluation(data, masks))
    return lambda labelled: ({"constant": segment(labelled.picture)}, {})


def _scaled(labelled: Labelled, size: int) -> Labelled:
    mask = np.where(resize(labelled.mask, (size, size)) >= 128, 255, 0).astype(np.uint8)
    return Labelled(labelled.name, resize(labelled.picture, (size, size)), mask)
