"""How many Langevin steps fit into a frame, measured once before a run."""

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from drc_runtime.images import Image

if TYPE_CHECKING:
    from drc_runtime.inference.extractor import Extractor

SHARE = 0.6
"""Of a frame's time for the network and the mask; capture, drawing and encoding want the rest of the same cores."""
FEW, MANY, ROUNDS = 1, 7, 5


@dataclass(frozen=True)
class Calibration:
    """What fits into ``1 / rate`` seconds."""

    steps: int
    """For an ordinary frame: what fits, but not more than the bundle's ``track_steps``."""
    budget: int
    """For a frame on which the scene has changed: all that fits, at least ``steps``."""
    step_milliseconds: float
    frame_milliseconds: float
    """What a frame costs beside its steps."""


def calibrate(extractor: "Extractor", image: Image, rate: float) -> Calibration:
    """Times frames of few and of many steps on ``image``, which takes a fraction of a second."""
    few, many = (median(_seconds(extractor, image, steps) for _ in range(ROUNDS)) for steps in (FEW, MANY))
    step = max((many - few) / (MANY - FEW), 1e-6)
    beside = max(few - FEW * step, 0.0)
    budget = max(1, int((SHARE / rate - beside) / step))
    steps = min(budget, extractor.manifest.sampler.track_steps)
    return Calibration(steps, budget, 1000 * step, 1000 * beside)


def _seconds(extractor: "Extractor", image: Image, steps: int) -> float:
    begun = time.perf_counter()
    extractor.extract(image, steps=steps)
    return time.perf_counter() - begun
