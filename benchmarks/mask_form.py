"""Compares forms of the mask: the size at which Eq. 7 is read, its sigma, how it is scaled up, whether it is smoothed in time.

    python benchmarks/mask_form.py --set NAME BUNDLE CLIP [--set ...]

CLIP is a video with its masks beside it, or ``scene:N`` (drawn with the evaluation's seed). Every form reads the same
tracked chain, frame by frame. Flicker is the mean change of the binary mask between neighbouring frames; the truth's
flicker is given as well. The result goes to benchmarks/results/mask-form.json.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drc_runtime.atomic import atomic_write  # noqa: E402
from drc_runtime.images import Image  # noqa: E402
from drc_runtime.inference.extractor import Extractor  # noqa: E402
from drc_runtime.inference.langevin import PosteriorSample  # noqa: E402
from drc_runtime.machine import machine_name  # noqa: E402
from drc_runtime.preprocess import resize, to_image, to_tensor  # noqa: E402
from drc_train.data.evaluation import load_evaluation  # noqa: E402
from drc_train.evaluation.evaluate import SUBTRACTOR_WARM_UP  # noqa: E402
from drc_train.evaluation.metrics import Score  # noqa: E402

RUN = 8  # neighbouring frames that are measured together
LogOdds = Callable[[Extractor, Image, PosteriorSample], np.ndarray]


def logit(mask: np.ndarray) -> np.ndarray:
    clipped = np.clip(mask, 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped)).astype(np.float32)


def scaled(plane: np.ndarray, size: tuple[int, int], method: int = cv2.INTER_LINEAR) -> np.ndarray:
    return cv2.resize(plane, (size[1], size[0]), interpolation=method)


def evidence(
    extractor: Extractor, image: Image, sample: PosteriorSample, size: tuple[int, int], widening: float
) -> np.ndarray:
    """The likelihoods' log-odds (Eq. 7, channels summed) at ``size``, with ``widening`` times the model's sigma."""
    settings = extractor.manifest.sampler
    seen = resize(image, size).astype(np.float32)
    foreground, background = (
        scaled(to_image(it[0]).astype(np.float32), size) for it in (sample.foreground, sample.background)
    )
    scale = 1 / (127.5 * 2 * (widening * settings.sigma) ** 2)
    nearer = np.abs(seen - background) - np.abs(seen - foreground) / settings.foreground_spread**2
    return scale * nearer.sum(2) - 6 * np.log(settings.foreground_spread)


def guided(guide: Image, plane: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """The guided filter (He et al., ECCV 2010) of ``plane`` with a grey guide, both at the guide's size."""
    grey = cv2.cvtColor(guide, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    window = (2 * radius + 1, 2 * radius + 1)

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(values, -1, window)

    guide_mean, plane_mean = mean(grey), mean(plane)
    slope = (mean(grey * plane) - guide_mean * plane_mean) / (mean(grey * grey) - guide_mean**2 + epsilon)
    return mean(slope) * grey + mean(plane_mean - slope * guide_mean)


def at(times: float | None, widening: float = 1.0) -> LogOdds:
    """Eq. 7 at ``times`` the network's resolution, or at the frame's own; the log-odds scaled up."""

    def form(extractor: Extractor, image: Image, sample: PosteriorSample) -> np.ndarray:
        height, width = extractor.manifest.image_size
        size = image.shape[:2] if times is None else (round(times * height), round(times * width))
        odds = scaled(logit(sample.mask[0, 0]), size) + evidence(extractor, image, sample, size, widening)
        return scaled(odds, image.shape[:2])

    return form


def mixture(extractor: Extractor, image: Image, sample: PosteriorSample) -> np.ndarray:
    return scaled(logit(sample.mask[0, 0]), image.shape[:2])


def guided_mixture_with_evidence(extractor: Extractor, image: Image, sample: PosteriorSample) -> np.ndarray:
    """pi_f scaled up along the frame's edges, then Eq. 7 at twice the network's resolution."""
    size = image.shape[:2]
    prior = guided(image, scaled(logit(sample.mask[0, 0]), size), max(2, size[0] // 64), 1e-3)
    height, width = extractor.manifest.image_size
    return prior + scaled(evidence(extractor, image, sample, (2 * height, 2 * width), 1.0), size)


def guided_odds(times: float, cells: float) -> LogOdds:
    """Eq. 7's log-odds at ``times`` the network's resolution, limited, then scaled up by a guided filter ``cells`` wide."""

    def form(extractor: Extractor, image: Image, sample: PosteriorSample) -> np.ndarray:
        plane = np.clip(at(times)(extractor, image, sample), -4, 4)
        return guided(image, plane, max(2, round(cells * image.shape[0] / extractor.manifest.image_size[0])), 1e-3)

    return form


def guided_at(form: LogOdds, times: float, cells: float, limit: float = 8) -> LogOdds:
    """The guided filter at ``times`` the network's resolution, its window ``cells`` of the network's pixels to each side."""

    def filtered(extractor: Extractor, image: Image, sample: PosteriorSample) -> np.ndarray:
        height, width = (round(times * side) for side in extractor.manifest.image_size)
        small = resize(image, (height, width))
        plane = np.clip(form(extractor, small, sample), -limit, limit)
        return scaled(guided(small, plane, max(1, round(cells * times)), 1e-3), image.shape[:2])

    return filtered


def runtime_log_odds(extractor: Extractor, image: Image, sample: PosteriorSample) -> np.ndarray:
    """What the runtime hands out: a probability of 128 or more is foreground."""
    return extractor.reader.probability(image, sample).astype(np.float32) - 127.5


def mean_of(first: LogOdds, second: LogOdds) -> LogOdds:
    return lambda *arguments: (first(*arguments) + second(*arguments)) / 2


FORMS: dict[str, LogOdds] = {
    "pi_f, scaled up": mixture,
    "the network's resolution": at(1),
    "1.5 times": at(1.5),
    "twice": at(2),
    "three times": at(3),
    "the frame's own": at(None),
    "the frame's own, sigma x 1.5": at(None, 1.5),
    "the frame's own, sigma x 2": at(None, 2.0),
    "twice, sigma x 1.25": at(2, 1.25),
    "half at the network's, half at the frame's own": mean_of(at(1), at(None)),
    "half at the network's, half at twice": mean_of(at(1), at(2)),
    "the network's, sigma x 1.25": at(1, 1.25),
    "1.5 times, sigma x 1.25": at(1.5, 1.25),
    "twice, sigma x 1.5": at(2, 1.5),
    "half at the network's, half at twice, sigma x 1.25": mean_of(at(1, 1.25), at(2, 1.25)),
    "the network's by a guided filter at twice (runtime's)": runtime_log_odds,
    "the same, log-odds cut at 4": guided_at(at(1), 2, 1.0, 4),
    "the same, at four times": guided_at(at(1), 4, 1.0),
    "the same, half a pixel of the network's wide": guided_at(at(1), 4, 0.5),
    "the same, one and a half": guided_at(at(1), 2, 1.5),
    "the same of half at the network's, half at twice": guided_at(mean_of(at(1), at(2)), 2, 1.0),
    "pi_f by a guided filter, evidence at twice": guided_mixture_with_evidence,
    "twice by a guided filter, at the frame's own": guided_odds(2, 0.5),
    "the network's by a guided filter, at the frame's own": guided_odds(1, 0.5),
}


class Smoothed:
    """Blends a frame's probability with the last result, the more the less certain it is (MediaPipe's recipe).

    The weight of the last result is ``ratio`` times the uncertainty: 1 - (1 - H)^2 of the binary entropy H in bits, through
    the polynomial of MediaPipe's segmentation_smoothing_calculator.
    """

    def __init__(self, ratio: float) -> None:
        self.ratio, self._last = ratio, None

    def __call__(self, probability: np.ndarray) -> np.ndarray:
        if self._last is None or self._last.shape != probability.shape:
            self._last = probability
            return probability
        square = (probability - 0.5) ** 2
        certainty = square * (
            5.68842 + square * (-0.748699 + square * (-57.8051 + square * (291.309 + square * -624.717)))
        )
        uncertainty = 1 - np.clip(certainty, 0, 1)
        self._last = probability + (self._last - probability) * uncertainty * self.ratio
        return self._last


class Flicker:
    """Mean change between neighbouring frames of a mask ``(H, W)`` bool, as a share of the image."""

    def __init__(self) -> None:
        self.changes: list[float] = []
        self._last: np.ndarray | None = None

    def add(self, mask: np.ndarray, follows: bool) -> None:
        if self._last is not None and follows:
            self.changes.append(float((mask != self._last).mean()))
        self._last = mask

    @property
    def mean(self) -> float:
        return float(np.mean(self.changes)) if self.changes else 0.0


def measure(bundle: Path, clip: str, every: int) -> dict[str, object]:
    extractor = Extractor(bundle)
    sampler, settings = extractor.sampler, extractor.manifest.sampler
    z, steps = sampler.noise(), settings.cold_steps
    smoothers = {f"the runtime's, smoothed in time, {ratio:g}": Smoothed(ratio) for ratio in (0.3, 0.6, 0.9)}
    names = [*FORMS, *smoothers]
    scores, flickers = {name: Score() for name in names}, {name: Flicker() for name in names}
    truth_flicker, frames = Flicker(), 0
    for index, labelled in enumerate(load_evaluation(clip)):
        sample = sampler.run(to_tensor(labelled.image, extractor.manifest.image_size), z, steps)
        z, steps = sample.z, settings.track_steps  # every frame is tracked; runs of neighbours are read
        if index < SUBTRACTOR_WARM_UP or index // RUN % every:
            continue
        frames += 1
        odds = {name: form(extractor, labelled.image, sample) for name, form in FORMS.items()}
        found = {name: values > 0 for name, values in odds.items()}
        probability = extractor.reader.probability(labelled.image, sample).astype(np.float32) / 255
        found |= {name: smoother(probability) >= 0.5 for name, smoother in smoothers.items()}
        follows = every == 1 or index % RUN != 0
        truth_flicker.add(labelled.mask > 127, follows)
        for name, mask in found.items():
            scores[name].add(np.where(mask, 255, 0).astype(np.uint8), labelled.mask)
            flickers[name].add(mask, follows)
    return {
        "bundle": extractor.manifest.name,
        "frames": frames,
        "truth_flicker": truth_flicker.mean,
        "forms": {name: scores[name].summary() | {"flicker": flickers[name].mean} for name in names},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs=3, action="append", metavar=("NAME", "BUNDLE", "CLIP"), required=True)
    parser.add_argument("--every", type=int, default=1, help="measure one of every N blocks of eight frames")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "mask-form.json")
    arguments = parser.parse_args()
    sets = {name: measure(Path(bundle), clip, arguments.every) for name, bundle, clip in arguments.set}
    result = {"machine": machine_name(), "command": "benchmarks/mask_form.py", "every": arguments.every, "sets": sets}
    means = {
        form: np.mean([it["forms"][form]["iou"] for it in sets.values()]) for form in next(iter(sets.values()))["forms"]
    }
    result["mean_iou"] = {form: float(value) for form, value in means.items()}
    atomic_write(arguments.out, json.dumps(result, indent=1).encode() + b"\n")
    print(f"{'IoU, F1, flicker in percent':56}" + "".join(f"{name:>20}" for name in sets) + "   mean IoU")
    for form, mean in means.items():
        rows = [it["forms"][form] for it in sets.values()]
        cells = [f"{100 * row['iou']:8.1f}{100 * row['f1']:6.1f}{100 * row['flicker']:6.2f}" for row in rows]
        print(f"{form:56}" + "".join(cells) + f"{100 * mean:11.1f}")
    print(f"{'the truth':56}" + "".join(f"{100 * it['truth_flicker']:20.2f}" for it in sets.values()))


if __name__ == "__main__":
    main()
