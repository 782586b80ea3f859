"""How well a model of any fixed camera explains frames: two models are compared by it on the same frames."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from drc_runtime.camera.background import START_SCALE
from drc_runtime.camera.fixed_camera import View
from drc_runtime.camera.light import Light
from drc_runtime.engines.protocol import Array
from drc_runtime.inference.camera_track import grey_levels, inputs_of

if TYPE_CHECKING:
    from drc_runtime.inference.extractor import Extractor


class Explanation(NamedTuple):
    """Of some frames by one model."""

    log_posterior: float
    """Per pixel, the mean of the frames."""
    z: Array
    """(1, D): of the last frame, where a track can go on."""


def explain(extractor: "Extractor", frames: Sequence[Array], background: Array) -> Explanation:
    """Runs a chain from noise on each frame, with the background under the frame's light.

    Args:
        extractor: with a model of any fixed camera; nobody else may use it meanwhile.
        frames: each ``(3, h, w)`` in [-1, 1], at least one.
        background: ``(h, w, 3)`` in grey levels.

    Raises:
        EngineError: a chain diverged or the backend failed.
    """
    sampler, found = extractor.sampler, []
    scale = np.full(background.shape[:2], START_SCALE, np.float32)
    for frame in frames:
        image = grey_levels(frame)
        light = Light()
        light.fit(image, background, np.ones(image.shape[:2], np.float32))
        sampler.give(**inputs_of(View(image, light.on(background), scale)))
        sample = sampler.run(frame, sampler.noise(), extractor.manifest.sampler.cold_steps)
        found.append(float(sample.log_posterior[0]))
    height, width = frames[0].shape[1:]
    return Explanation(float(np.mean(found)) / (height * width), sample.z)
