"""Natural pictures with masks: a run's training chains alone and cut again, beside methods that learn nothing.

    python benchmarks/refine.py --data flowers --model RUN [--size 128]

The least agreement of cut and seed (the gate) is chosen on every second mask, from the first on, for the chains and for IEM
apart; the others are ``held out``. The constant mask is chosen by the truth of all. Pictures and masks are scaled to ``--size``
first. Without ``--model`` only what needs none is measured. The result goes into benchmarks/results/natural-128.json by the
name of DATA.
"""

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drc_runtime.atomic import atomic_write  # noqa: E402
from drc_runtime.inference import cut as cutting  # noqa: E402
from drc_runtime.inference.cut import GATE, working_shape  # noqa: E402
from drc_runtime.machine import machine_name  # noqa: E402
from drc_runtime.preprocess import resize  # noqa: E402
from drc_train.data.evaluation import Labelled, load_evaluation  # noqa: E402
from drc_train.data.masks import binary  # noqa: E402
from drc_train.evaluation.baselines import best_constant, grabcut  # noqa: E402
from drc_train.evaluation.iem import iem  # noqa: E402
from drc_train.evaluation.metrics import Mask, iou  # noqa: E402
from drc_train.evaluation.model_masks import chain_segmenter  # noqa: E402
from drc_train.evaluation.options import EvaluationOptions  # noqa: E402
from drc_train.training.checkpoint import read_state  # noqa: E402

GATES = [0.0, *np.arange(0.1, 0.85, 0.05).round(2).tolist()]
BATCH = 16
PARTS: dict[str, dict[str, float]] = {
    "no median filter": {"NOISE": 1},
    "no reach": {"REACH": 2},
    "5 rounds": {"ROUNDS": 5},
    "one round": {"ROUNDS": 1},
}
"""What the cut is measured without or with, as constants of its module."""


class Refined(NamedTuple):
    """IoU of each picture with its seed and with the cut, and how much these two agree: ``(N,)`` each."""

    seed: NDArray[np.float64]
    cut: NDArray[np.float64]
    agreement: NDArray[np.float64]

    def gated(self, gate: float) -> NDArray[np.float64]:
        """IoU ``(N,)`` if the seed is kept below the gate."""
        return np.where(self.agreement < gate, self.seed, self.cut)

    def best_gate(self) -> float:
        """Of ``GATES``, by the mean IoU of every second picture."""
        return max(GATES, key=lambda gate: float(self.gated(gate)[::2].mean()))


def refined(pictures: list[Labelled], seeds: list[Mask], **constants: float) -> Refined:
    """Cuts each picture again from its seed ``(H, W)`` uint8, with other constants of the cut's module if they are given."""
    with ExitStack() as stack:
        for constant, value in constants.items():
            stack.enter_context(mock.patch.object(cutting, constant, value))
        return _refined(pictures, seeds)


def _refined(pictures: list[Labelled], seeds: list[Mask]) -> Refined:
    rows = []
    for picture, seed in zip(pictures, seeds, strict=True):
        shape = working_shape(picture.image)
        rough = resize(seed, shape) > 127
        found, agreed = cutting.cut(resize(picture.image, shape), rough)
        mask = binary(resize(np.where(found, 255, 0).astype(np.uint8), picture.mask.shape))
        rows.append((iou(seed, picture.mask), iou(mask, picture.mask), agreed))
    return Refined(*np.array(rows).T)


def summary(ious: NDArray[np.float64]) -> dict[str, float]:
    """Mean IoU of all pictures, of those that a gate is chosen on, and of the others."""
    parts = {"all": ious, "chosen on": ious[::2], "held out": ious[1::2]}
    return {name: round(float(part.mean()), 4) for name, part in parts.items()}


def rows_of(name: str, pictures: list[Labelled], seeds: list[Mask]) -> dict[str, dict[str, float]]:
    """The seeds alone, every cut, the cut behind two gates, the runtime's and that chosen on the half, and other cuts."""
    found = refined(pictures, seeds)
    gate = found.best_gate()
    others = {part: refined(pictures, seeds, **constants) for part, constants in PARTS.items()}
    return {
        name: summary(found.seed),
        f"{name}, cut without gate": summary(found.cut),
        f"{name}, cut, gate {GATE}": summary(found.gated(GATE)),
        f"{name}, cut, chosen gate": summary(found.gated(gate))
        | {
            "gate": gate,
            "kept": round(float((found.agreement < gate).mean()), 3),
        },
    } | {f"{name}, cut, gate {GATE}, {part}": summary(other.gated(GATE)) for part, other in others.items()}


def each(pictures: list[Labelled], segment: Callable[[NDArray[np.uint8]], Mask]) -> dict[str, float]:
    """The figures of a method that takes one picture alone."""
    return summary(np.array([iou(segment(picture.image), picture.mask) for picture in pictures]))


def chains(model: Path, data: Path, pictures: list[Labelled]) -> list[Mask]:
    """The probability of each picture that its own training chain gives."""
    segment = chain_segmenter(model, data, EvaluationOptions(refine="none"))
    parts = [pictures[at : at + BATCH] for at in range(0, len(pictures), BATCH)]
    return [found.masks["responsibility"] for part in parts for found in segment(part)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "natural-128.json")
    arguments = parser.parse_args()
    size = arguments.size, arguments.size
    pictures = [
        Labelled(it.name, resize(it.image, size), binary(resize(it.mask, size)))
        for it in load_evaluation(str(arguments.data))
    ]
    pictures = [it for it in pictures if it.mask.any()]
    rows = {"grabcut, rectangle": each(pictures, grabcut)}
    rows["constant mask"] = each(pictures, best_constant(it.mask for it in pictures))
    rows |= rows_of("iem", pictures, [iem(it.image) for it in pictures])
    result = {"machine": machine_name(), "size": arguments.size, "pictures": len(pictures), "rows": rows}
    if arguments.model:
        state = read_state(arguments.model)
        result |= {"preset": state.about.preset, "seed": state.config.train.seed, "iterations": state.iteration}
        rows |= rows_of("chains", pictures, chains(arguments.model, arguments.data, pictures))
    for name, row in rows.items():
        print(name, row, flush=True)
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    results[arguments.data.name] = result
    atomic_write(arguments.out, (json.dumps(results, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
