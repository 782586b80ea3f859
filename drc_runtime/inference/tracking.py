"""Tracking: each frame's chain starts from the last frame's latent; a changed scene gets more steps, then a chain from noise."""

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from drc_runtime.bundle.manifest import Sampler
from drc_runtime.engines.protocol import Array
from drc_runtime.errors import EngineError, UsageError
from drc_runtime.inference.cold_start import ColdStart
from drc_runtime.inference.langevin import LangevinSampler, PosteriorSample

if TYPE_CHECKING:
    from drc_runtime.images import Image
    from drc_runtime.inference.extraction import Extraction
    from drc_runtime.inference.mask import MaskReader

LOW_FRAMES = 3
"""After this many low frames in a row (each with more steps) a second chain starts from noise."""
MORE = 4
"""Without a budget, a low frame gets this many times the ordinary steps."""
BASELINE_FRAMES = 50
"""Length of the baseline, in ordinary frames."""
FEWEST_FRAMES = 5
"""With fewer frames in the baseline, no frame is low."""
SPREADS = 8.0
"""A frame is low this many robust standard deviations (1.4826 times the median absolute deviation) below the median."""
LEAST_SHARE = 0.05
"""A frame is low only if it lies this share of the median below it: a still scene has nearly no deviation."""

FRAME_SECONDS = 0.04
"""Time between two frames where nothing else is known."""


class Track:
    """The state of one video: its latent, and the log-posterior of its ordinary frames.

    A frame whose log-posterior is low, compared with the frames before, gets more steps, up to the budget. After ``LOW_FRAMES``
    low frames in a row a second chain starts from noise. It runs ``cold_steps`` steps, spread over frames so that none takes
    more than the budget, and the mask comes from the chain with the higher log-posterior. If the second chain loses, the new
    level becomes the baseline, so that a scene which the model cannot explain does not cause restarts without end.

    Attributes:
        steps: Langevin steps for an ordinary frame; may be changed between two frames.
        budget: the most steps for a frame after the first; None: no limit. May be changed between two frames.
        restarts: number of chains that were started from noise after the first.
    """

    def __init__(
        self,
        sampler: LangevinSampler,
        reader: "MaskReader",
        settings: Sampler,
        steps: int | None = None,
        budget: int | None = None,
        cold: ColdStart | None = None,
    ) -> None:
        """Starts without a latent: the first frame is a cold start.

        Args:
            sampler: runs the chains. Another track may use it between two frames.
            reader: reads the masks.
            settings: the model's own numbers of steps.
            steps: for an ordinary frame; None takes the model's ``track_steps``.
            budget: the most steps for a frame after the first; None sets no limit.
            cold: begins the chains that have no frame before them; None begins them at the sampler's noise.

        Raises:
            UsageError: ``steps`` is below 1.
        """
        self.steps = settings.track_steps if steps is None else steps
        if self.steps < 1:
            raise UsageError(f"{steps} steps a frame are too few: give 1 or more")
        self.restarts = 0
        self._sampler, self._reader = sampler, reader
        self._start = cold or ColdStart(sampler, settings)
        self._cold = max(self._start.steps, self.steps)
        self._sizes = self._start.sizes(self._cold)
        self.budget = None if budget is None else max(self.steps, budget)
        self._baseline = Baseline()
        self._low = 0
        self._z: Array | None = None
        self._second: Array | None = None
        self._left = 0

    def step(self, image: "Image", seconds: float = FRAME_SECONDS) -> "Extraction":
        """Extracts the foreground of the next frame, ``(H, W, 3)`` uint8 RGB; after an error it starts from noise again.

        Args:
            image: the frame.
            seconds: since the frame before; only a model of any fixed camera has a use for it.

        Raises:
            EngineError: the chain diverged or the backend failed.
            UsageError: the image is not ``(H, W, 3)`` uint8.
        """
        try:
            return self._reader.read(image, lambda tensor: self.sample(tensor, seconds))
        except EngineError:
            self._z = self._second = None  # a chain that diverged would do so again
            raise

    def take_notices(self) -> list[str]:
        """Lines for the user on what happened since the last call; the caller shows them."""
        return []

    def sample(self, image: Array, seconds: float = FRAME_SECONDS) -> tuple[PosteriorSample, int]:
        """The posterior sample of the next frame, ``(3, h, w)`` in [-1, 1], and the number of steps that it took."""
        if self._z is None:
            sample, taken = self._sampler.run(image, self._start.z(image), self._cold, self._sizes), self._cold
        elif self._second is not None:
            sample, taken = self._race(image, self._z, self._second, self.budget)
        else:
            sample, taken = self._sampler.run(image, self._z, self.steps), self.steps
            if self._baseline.is_low(float(sample.log_posterior[0])):
                sample, taken = self._take_more(image, sample)
            else:
                self._low = 0
                self._baseline.add(float(sample.log_posterior[0]))
        self._z = sample.z
        return sample, taken

    def _take_more(self, image: Array, sample: PosteriorSample) -> tuple[PosteriorSample, int]:
        """More steps for a low frame; after ``LOW_FRAMES`` of them, prepares the second chain.

        A second chain that starts at the initialiser's latent is short: it runs at once.
        """
        if self._start.is_learned:
            self.restarts += 1
            self._second, self._left = self._start.z(image), self._cold
            left = None if self.budget is None else self.budget - self.steps
            sample, taken = self._race(image, sample.z, self._second, left)
            return sample, self.steps + taken
        self._low += 1
        more = (MORE * self.steps if self.budget is None else self.budget) - self.steps
        if more > 0:
            sample = self._sampler.run(image, sample.z, more)
            if not self._baseline.is_low(float(sample.log_posterior[0])):
                self._low = 0  # more steps were enough
        if self._low >= LOW_FRAMES:
            self._low = 0
            self.restarts += 1
            self._second, self._left = self._start.z(image), self._cold
        return sample, self.steps + max(more, 0)

    def _race(self, image: Array, z: Array, second: Array, budget: int | None) -> tuple[PosteriorSample, int]:
        """Runs both chains within the budget of steps, at least one each; the sample with the higher log-posterior."""
        budget = self._cold + self.steps if budget is None else max(budget, 2)
        first_steps = max(1, min(self.steps, budget // 2))
        second_steps = min(budget - first_steps, self._left)
        # the second chain's steps become smaller over all of the frames among which they are spread
        done = self._cold - self._left
        sizes = None if self._sizes is None else self._sizes[done : done + second_steps]
        cold = self._sampler.run(image, second, second_steps, sizes).copy()
        warm = self._sampler.run(image, z, first_steps)
        self._second, self._left = cold.z, self._left - second_steps
        won = bool(cold.log_posterior[0] > warm.log_posterior[0])
        if won or not self._left:
            self._second = None
            self._baseline.clear()
        return cold if won else warm, first_steps + second_steps


class Baseline:
    """The log-posteriors of the latest ordinary frames."""

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=BASELINE_FRAMES)

    def is_low(self, log_posterior: float) -> bool:
        """Whether a frame lies far below the median; False while the baseline has fewer than ``FEWEST_FRAMES`` frames."""
        if len(self._values) < FEWEST_FRAMES:
            return False
        values = np.array(self._values)
        median = float(np.median(values))
        deviation = 1.4826 * float(np.median(np.abs(values - median)))
        return log_posterior < median - max(SPREADS * deviation, LEAST_SHARE * abs(median))

    def add(self, log_posterior: float) -> None:
        """Adds an ordinary frame."""
        self._values.append(log_posterior)

    def clear(self) -> None:
        """Removes all frames, because the scene has a new level."""
        self._values.clear()
