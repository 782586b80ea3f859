"""A posterior with one number for an image and one for z, so that tracking's decisions can be checked by hand."""

from collections.abc import Callable

import numpy as np

from drc_runtime.bundle.manifest import Sampler
from drc_runtime.inference.cold_start import ColdStart
from drc_runtime.inference.langevin import PosteriorSample
from drc_runtime.inference.tracking import Track

SETTINGS = Sampler(step_size=0.1, sigma=1.0, cold_steps=60, track_steps=4)


class ToyChain:
    """As a LangevinSampler: every step goes a tenth of the way to the target, if that is nearer than ``reach``.

    A chain from noise starts at 100. A chain further away than ``reach`` never moves, like a chain in a wrong mode.
    """

    def __init__(self, reach: float = 150.0) -> None:
        self.reach = reach

    def noise(self) -> np.ndarray:
        return np.array([[100.0]], np.float32)

    def run(self, image: np.ndarray, z: np.ndarray, steps: int, sizes: np.ndarray | None = None) -> PosteriorSample:
        target = float(image)
        z = z.copy()
        assert sizes is None or len(sizes) == steps
        for step in range(steps):
            factor = 0.1 if sizes is None else 0.1 * sizes[step]
            z += factor * (target - z) if abs(target - z[0, 0]) < self.reach else 0
        empty = np.zeros((1, 1, 1, 1), np.float32)
        return PosteriorSample(z, np.array([-100 - (target - z[0, 0]) ** 2]), empty, empty, empty)


class ToyReader:
    """As a MaskReader: an image is its target, an extraction is z and the steps taken."""

    def read(self, image: float, chain: Callable[[float], tuple[PosteriorSample, int]]) -> tuple[float, int]:
        sample, steps = chain(image)
        return float(sample.z[0, 0]), steps


def toy_track(
    steps: int | None, budget: int | None = None, chain: ToyChain | None = None, cold: ColdStart | None = None
) -> Track:
    """A Track over a toy chain; its ``step`` takes a target and returns z and the steps taken."""
    return Track(chain or ToyChain(), ToyReader(), SETTINGS, steps, budget, cold)
