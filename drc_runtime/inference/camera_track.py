"""Tracking with a model of any fixed camera: Langevin steps, then the M-step of the camera's state (docs/background.md)."""

import numpy as np

from drc_runtime.bundle.manifest import Manifest
from drc_runtime.camera.adaptation import Adaptation
from drc_runtime.camera.fixed_camera import FixedCamera, View
from drc_runtime.engines.protocol import Array
from drc_runtime.inference.langevin import LangevinSampler, PosteriorSample
from drc_runtime.inference.mask import MaskReader
from drc_runtime.inference.tracking import FRAME_SECONDS, Track

GREY_LEVELS = np.float32(127.5)
"""Grey levels in a unit of the network's range."""
DOES_NOT_FIT = "the background that was learned earlier does not fit what the camera shows now: learning it anew"


def grey_levels(image: Array) -> Array:
    """An image of the network, ``(3, h, w)`` in [-1, 1], as a picture of the camera's state, ``(h, w, 3)`` in grey levels."""
    return np.ascontiguousarray(((image + 1) * GREY_LEVELS).transpose(1, 2, 0))


def inputs_of(view: View) -> dict[str, Array]:
    """The inputs of ``posterior_step`` that a view gives."""
    return {
        "background": view.background.transpose(2, 0, 1) / GREY_LEVELS - 1,
        "background_scale": view.scale / GREY_LEVELS,
    }


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
        self._known: Array | None = None
        self._adaptation = adaptation

    def take_notices(self) -> list[str]:
        if self.camera is None:
            return []
        notices, self.camera.watch.notices = self.camera.watch.notices, []
        return notices

    def know(self, background: Array) -> None:
        """Takes over a background ``(h, w, 3)`` in grey levels at the next frame, if it explains that frame."""
        self._known = background

    def go_on(self, camera: FixedCamera | None, z: Array) -> None:
        """Continues the state of another track of the same camera, with a latent of this model."""
        self.camera, self._z = camera, z

    def sample(self, image: Array, seconds: float = FRAME_SECONDS) -> tuple[PosteriorSample, int]:
        grey = grey_levels(image)
        if self.camera is None:
            self.camera = FixedCamera(grey, self._adaptation)
        if self._known is not None:
            if not self.camera.know(self._known, grey):
                self.camera.watch.notices.append(DOES_NOT_FIT)
            self._known = None
        self._sampler.give(**inputs_of(self.camera.look(grey, seconds)))
        sample, taken = super().sample(image, seconds)
        assert sample.responsibility is not None
        self.camera.learn(sample.responsibility[0, 0], seconds)
        return sample, taken
