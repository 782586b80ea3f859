"""Tracking against cold starts: IoU and flicker of a few steps per frame beside 300 steps from noise, on the same frames.

    python benchmarks/tracking.py --model BUNDLE --clip CLIP

CLIP has its masks beside it. Every frame is tracked. One pair of neighbouring frames in every ``--every`` frames is also
extracted from noise, and all figures are of these pairs. Flicker is the mean change of the mask within a pair, as a share
of the image. The result goes to benchmarks/results/tracking.json.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drc_runtime.atomic import atomic_write  # noqa: E402
from drc_runtime.inference.extractor import Extractor  # noqa: E402
from drc_runtime.machine import machine_name  # noqa: E402
from drc_train.data.evaluation import Labelled, load_evaluation  # noqa: E402
from drc_train.evaluation.metrics import Score  # noqa: E402


class Reading:
    """IoU over frames, flicker over pairs."""

    def __init__(self) -> None:
        self.score = Score()
        self.changes: list[float] = []
        self._last: np.ndarray | None = None

    def add(self, mask: np.ndarray, truth: np.ndarray, second_of_pair: bool) -> None:
        self.score.add(mask, truth)
        if second_of_pair and self._last is not None:
            self.changes.append(float(((mask > 127) != (self._last > 127)).mean()))
        self._last = mask

    def summary(self) -> dict[str, float]:
        return self.score.summary() | {"flicker": float(np.mean(self.changes))}


def measure(
    frames: list[Labelled], bundle: Path, steps: list[int], cold: int, every: int
) -> dict[str, dict[str, float]]:
    names = [*(f"tracked, {count} steps" for count in steps), f"cold, {cold} steps", "the truth"]
    readings = {name: Reading() for name in names}
    tracks = [Extractor(bundle).track(steps=count) for count in steps]
    from_noise = Extractor(bundle, refine="none")
    for index, (_, image, truth) in enumerate(frames):
        masks = [track.step(image).mask for track in tracks]
        if index % every > 1:
            continue
        masks += [from_noise.extract(image, steps=cold).mask, truth]
        for name, mask in zip(names, masks, strict=True):
            readings[name].add(mask, truth, index % every == 1)
    return {name: reading.summary() for name, reading in readings.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--clip", required=True)
    parser.add_argument("--steps", type=int, nargs="+", default=[3, 4, 5, 6, 8])
    parser.add_argument("--cold", type=int, default=300)
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "tracking.json")
    arguments = parser.parse_args()
    frames = list(load_evaluation(arguments.clip))
    figures = measure(frames, arguments.model, arguments.steps, arguments.cold, arguments.every)
    result = {
        "machine": machine_name(),
        "clip": Path(arguments.clip).parent.name,
        "frames": len(frames),
        "figures": figures,
    }
    atomic_write(arguments.out, json.dumps(result, indent=1).encode() + b"\n")
    print(f"{'percent':24}{'IoU':>8}{'F1':>8}{'flicker':>10}")
    for name, row in figures.items():
        print(f"{name:24}{100 * row['iou']:8.1f}{100 * row['f1']:8.1f}{100 * row['flicker']:10.2f}")


if __name__ == "__main__":
    main()
