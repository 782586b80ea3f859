"""A posterior with one number for an image and one for z: what tracking decides can be followed by hand."""

import numpy as np

from drc_runtime.inference.langevin import PosteriorSample


class ToyChain:
    """Every step takes a tenth of the way to ``target``, as far as ``reach`` allows.

    A chain from noise starts at 100 and can get anywhere; one that is further than ``reach`` away never moves, like a
    chain in a wrong mode.
    """

    def __init__(self, reach: float = 150.0) -> None:
        self.reach = reach

    def noise(self) -> np.ndarray:
        return np.array([[100.0]], np.float32)

    def run(self, image: np.ndarray, z: np.ndarray, steps: int) -> PosteriorSample:
        target = float(image)
        z = z.copy()
        for _ in range(steps):
            z += 0.1 * (target - z) if abs(target - z[0, 0]) < self.reach else 0
        empty = np.zeros((1, 1, 1, 1), np.float32)
        return PosteriorSample(z, np.array([-100 - (target - z[0, 0]) ** 2]), empty, empty, empty)


class ToyExtractor:
    """As much of an Extractor as a Track needs; an image is its target, an extraction is z and the steps taken."""

    class manifest:  # noqa: N801
        class sampler:  # noqa: N801
            cold_steps, track_steps = 60, 4

    def __init__(self, reach: float = 150.0) -> None:
        self.sampler = ToyChain(reach)

    def prepare(self, image: float) -> float:
        return image

    def read(self, image: float, sample: PosteriorSample, steps: int, *_: float) -> tuple[float, int]:
        return float(sample.z[0, 0]), steps
