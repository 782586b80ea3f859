"""Tracking with a model of any fixed camera: Langevin steps, then the M-step of the camera's state (docs/background.md)."""

import numpy as np

from drc_runtime.bundle.manifest import Manifest
from drc_runtime.camera.adaptation import Adaptation
from drc_runtime.camera.fixed_camera import FixedCamera
from drc_runtime.engines.protocol import Array
from drc_runtime.inference.langevin import LangevinSampler, PosteriorSample
from drc_runtime.inference.mask import MaskReader
from drc_runtime.inference.tracking import FRAME_SECONDS, Track

GREY_LEVELS = np.float32(127.5)
"""Grey levels in a unit of the network's range."""


class CameraTrack(Track):
    """A track that gives each frame's chain the camera's background, and updates it by the chain's responsibility.

    Attributes:
        camera: the state; None before the first frame.
    """

    def __init__(
        self,
        sampler: LangevinSampler,
        reader: MaskReader,
        manifest: Manifest,
        steps: int | None = None,
        budget: int | None = None,
        adaptation: Adaptation = Adaptation(),  # noqa: B008 - frozen
    ) -> None:
        """As ``Track``; the first frame is the first background."""
        super().__init__(sampler, reader, manifest.sampler, steps, budget)
        self.camera: FixedCamera | None = None
        self._adaptation = adaptation

    def take_notices(self) -> list[str]:
        if self.camera is None:
            return []
        notices, self.camera.watch.notices = self.camera.watch.notices, []
        return notices

    def sample(self, image: Array, seconds: float = FRAME_SECONDS) -> tuple[PosteriorSample, int]:
        grey = np.ascontiguousarray(((image + 1) * GREY_LEVELS).transpose(1, 2, 0))
        if self.camera is None:
            self.camera = FixedCamera(grey, self._adaptation)
        view = self.camera.look(grey, seconds)
        self._sampler.give(
            background=view.background.transpose(2, 0, 1) / GREY_LEVELS - 1,
            background_scale=view.scale / GREY_LEVELS,
        )
        sample, taken = super().sample(image, seconds)
        assert sample.responsibility is not None
        self.camera.learn(sample.responsibility[0, 0], seconds)
        return sample, taken
