"""``drc eval``: masks of a run, a bundle or a baseline against the truth."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from drc_runtime.errors import UsageError
from drc_runtime.extractor import MASKS, Extractor
from drc_runtime.preprocess import Picture, to_tensor
from drc_train.baselines import baseline
from drc_train.checkpoint import load_model
from drc_train.data.evaluation import load_evaluation
from drc_train.data.source import is_sequence
from drc_train.engine import TorchEngine, is_run, manifest_of
from drc_train.metrics import Score

SUBTRACTOR_WARM_UP = 20
"""Frames at the start of a clip that are not counted: a background subtractor needs them."""

Figures = dict[str, dict[str, float]]
Segment = Callable[[Picture], dict[str, np.ndarray]]


def evaluate(
    model: Path | None,
    data: str,
    *,
    masks: str | None = None,
    steps: int | None = None,
    baselines: Sequence[str] = (),
    skip: int | None = None,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Figures:
    """Measures masks against the truth, at the pictures' own size.

    Pictures are cold starts from noise; the frames of a clip are tracked, the first one cold.

    Args:
        model: a run's folder or a bundle; None measures the baselines alone.
        data: as ``drc_train.data.evaluation.load_evaluation``.
        masks: folder of the truth, where it is not beside the data.
        steps: Langevin steps a picture or frame; None takes the model's own.
        baselines: ``grabcut`` (pictures), ``mog2``, ``knn`` (clips).
        skip: frames at the start that are not counted; None takes 20 for a clip and 0 for pictures.
        seed: of the noise that cold starts begin from.
        progress: called with the number of pictures done.

    Returns:
        For ``responsibility`` (Eq. 7) and ``mixture`` (pi_f, the paper's reading) and each baseline the figures of
        ``drc_train.metrics.Score.summary``, and ``milliseconds``, the median time a picture (both readings together).

    Raises:
        UsageError: nothing to measure.
        SourceError, BundleError, TrainingError: the data or the model cannot be read.
    """
    sequence = is_sequence(data)
    segments: dict[str, Segment] = {}
    if model is not None:
        segments["drc"] = _model_segment(Path(model), sequence, steps, seed)
    for name in baselines:
        segments[name] = _baseline_segment(name)
    if not segments:
        raise UsageError("nothing to measure: give a run or a bundle, or --baseline")
    skipped = SUBTRACTOR_WARM_UP if skip is None and sequence else skip or 0
    scores: dict[str, Score] = {}
    times: dict[str, list[float]] = {}
    for index, (_, picture, truth) in enumerate(load_evaluation(data, masks)):
        for segment in segments.values():
            start = time.perf_counter()
            found = segment(picture)
            for reading, mask in found.items():
                times.setdefault(reading, []).append(time.perf_counter() - start)
                score = scores.setdefault(reading, Score())
                if index >= skipped:
                    score.add(mask, truth)
        if progress:
            progress(index + 1)
    return {
        name: score.summary() | {"milliseconds": 1000 * float(np.median(times[name]))} for name, score in scores.items()
    }


def load_extractor(model: Path, seed: int = 0) -> Extractor:
    """An Extractor over a bundle, or over a run's checkpoint through PyTorch."""
    if not is_run(model):
        return Extractor(model, seed=seed)
    networks, config, _ = load_model(model)
    return Extractor.over(TorchEngine(networks, config), manifest_of(config, model.name), seed=seed)


def _model_segment(model: Path, sequence: bool, steps: int | None, seed: int) -> Segment:
    extractor = load_extractor(model, seed)
    sampler, settings = extractor.sampler, extractor.manifest.sampler
    z = None

    def segment(picture: Picture) -> dict[str, np.ndarray]:
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
        return {reading: extractor.probability(picture, sample, reading) for reading in MASKS}

    return segment


def _baseline_segment(name: str) -> Segment:
    segment = baseline(name)
    return lambda picture: {name: segment(picture)}
