"""Measures before a run how many Langevin steps fit into the time of a frame."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from drc_runtime.images import Image

if TYPE_CHECKING:
    from drc_runtime.inference.extractor import Extractor

SHARE = 0.6
"""Share of a frame's time for inference; capturing, drawing and encoding need the rest of the same cores."""
FEW, MANY, ROUNDS = 1, 7, 5
"""Steps of a short and of a long extraction, and how often each is timed."""


@dataclass(frozen=True)
class Calibration:
    """What fits into ``1 / rate`` seconds."""

    steps: int
    """For an ordinary frame: what fits, at most the bundle's ``track_steps``."""
    budget: int
    """For a frame where the scene has changed: all that fits, at least ``steps``."""
    step_milliseconds: float
    """Duration of one step."""
    frame_milliseconds: float
    """Duration of everything in a frame except its steps."""

    @classmethod
    def of(cls, step_milliseconds: float, frame_milliseconds: float, rate: float, most: int) -> "Calibration":
        """What fits at ``rate`` frames a second with these durations; an ordinary frame gets at most ``most`` steps."""
        budget = max(1, int((1000 * SHARE / rate - frame_milliseconds) / step_milliseconds))
        return cls(min(budget, most), budget, step_milliseconds, frame_milliseconds)


def calibrate(
    extractor: "Extractor", image: Image, rate: float, clock: Callable[[], float] = time.perf_counter
) -> Calibration:
    """Times short and long extractions of ``image``, which takes a fraction of a second.

    Args:
        extractor: with the model that will run.
        image: the first frame, ``(H, W, 3)`` uint8 RGB; its size decides what preprocessing and reading the mask cost.
        rate: frames a second.
        clock: gives the time in seconds.

    Raises:
        EngineError: the chain diverged or the backend failed.
    """

    def seconds(steps: int) -> float:
        begun = clock()
        extractor.trial(image, steps)
        return clock() - begun

    few, many = (median(seconds(steps) for _ in range(ROUNDS)) for steps in (FEW, MANY))
    step = max((many - few) / (MANY - FEW), 1e-6)
    rest = max(few - FEW * step, 0.0)
    return Calibration.of(1000 * step, 1000 * rest, rate, extractor.manifest.sampler.track_steps)
