"""From frame to frame: z of the last frame starts the next; a changed scene gets more steps, then a chain from noise."""

import time
from typing import TYPE_CHECKING

from drc_runtime.engines.protocol import Array
from drc_runtime.errors import EngineError, UsageError
from drc_runtime.inference.langevin import PosteriorSample
from drc_runtime.inference.novelty import Baseline

if TYPE_CHECKING:
    from drc_runtime.images import Image
    from drc_runtime.inference.extractor import Extraction, Extractor

LOW_FRAMES = 3
"""So many frames in a row below the baseline, with more steps each, before a chain starts from noise."""
MORE = 4
"""Times the ordinary steps for a frame below the baseline, where there is no budget."""


class Track:
    """The state of one video: its latent, and what its frames' log-posterior ordinarily is.

    A frame that falls below the baseline gets more steps, up to the budget. After ``LOW_FRAMES`` of them in a row a second
    chain starts from noise, ``cold_steps`` long, spread over frames so that none takes more than the budget; the mask
    comes from whichever chain explains the frame better. If the second one does not win, the scene's new level becomes the
    baseline, so that nothing is tried for ever.

    Attributes:
        steps: for an ordinary frame; may be changed between two frames.
        restarts: chains that were started from noise after the first.
    """

    def __init__(self, extractor: "Extractor", steps: int, budget: int | None = None) -> None:
        """See ``Extractor.track``."""
        if steps < 1:
            raise UsageError(f"{steps} steps are none: give 1 or more")
        self.restarts = 0
        self._extractor, self._sampler = extractor, extractor.sampler
        self._cold = max(extractor.manifest.sampler.cold_steps, steps)
        self.steps = steps
        self._budget = None if budget is None else max(steps, budget)
        self._baseline = Baseline()
        self._low = 0
        self._z: Array | None = None
        self._second: Array | None = None
        self._left = 0

    def step(self, image: "Image") -> "Extraction":
        """The foreground of the next frame; as ``Extractor.extract`` otherwise."""
        begun = time.monotonic()
        tensor = self._extractor.prepare(image)
        prepared = time.monotonic()
        try:
            sample, taken = self._follow(tensor)
        except EngineError:
            self._z = self._second = None  # what diverged once would do so again
            raise
        return self._extractor.read(image, sample, taken, begun, prepared)

    def _follow(self, image: Array) -> tuple[PosteriorSample, int]:
        if self._z is None:
            sample, taken = self._sampler.run(image, self._sampler.noise(), self._cold), self._cold
        elif self._second is not None:
            sample, taken = self._race(image, self._z, self._second)
        else:
            sample, taken = self._sampler.run(image, self._z, self.steps), self.steps
            if self._baseline.is_low(float(sample.log_posterior[0])):
                sample, taken = self._look_again(image, sample)
            else:
                self._low = 0
                self._baseline.add(float(sample.log_posterior[0]))
        self._z = sample.z
        return sample, taken

    def _look_again(self, image: Array, sample: PosteriorSample) -> tuple[PosteriorSample, int]:
        self._low += 1
        more = (MORE * self.steps if self._budget is None else self._budget) - self.steps
        if more > 0:
            sample = self._sampler.run(image, sample.z, more)
            if not self._baseline.is_low(float(sample.log_posterior[0])):
                self._low = 0  # more steps were enough
        if self._low >= LOW_FRAMES:
            self._low = 0
            self.restarts += 1
            self._second, self._left = self._sampler.noise(), self._cold
        return sample, self.steps + max(more, 0)

    def _race(self, image: Array, z: Array, second: Array) -> tuple[PosteriorSample, int]:
        """Steps for both chains, within the budget; the better one's sample."""
        budget = self._cold + self.steps if self._budget is None else max(self._budget, 2)
        first_steps = max(1, min(self.steps, budget // 2))
        second_steps = min(budget - first_steps, self._left)
        cold = self._sampler.run(image, second, second_steps).copy()
        warm = self._sampler.run(image, z, first_steps)
        self._second, self._left = cold.z, self._left - second_steps
        won = bool(cold.log_posterior[0] > warm.log_posterior[0])
        if won or not self._left:
            self._second = None
            self._baseline.forget()
        return cold if won else warm, first_steps + second_steps
