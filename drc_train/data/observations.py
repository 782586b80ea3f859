"""What a model of a fixed camera learns from: each frame with the background and the scale that the runtime had for it."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from drc_runtime.camera.fixed_camera import FixedCamera
from drc_runtime.camera.pictures import Array
from drc_runtime.camera.plain import plain_log_odds
from drc_runtime.images import Image
from drc_runtime.inference.empty_scene import empty_scene

SCALE_STEPS = 8
"""A scale is kept in eighths of a grey level, up to 31.9."""
Observation = NDArray[np.uint8]
"""(H, W, 7): the image, its background under the image's light, both RGB, and the scale."""


def observe(image: Image, background: Array, scale: Array) -> Observation:
    """Puts an observation together.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        background: ``(H, W, 3)`` in grey levels.
        scale: ``(H, W)`` in grey levels.
    """
    channels = (image, np.rint(background), np.rint(SCALE_STEPS * scale)[..., None])
    return np.concatenate([np.clip(channel, 0, 255).astype(np.uint8) for channel in channels], 2)


def observe_frames(frames: Sequence[Image], rate: float = 25.0) -> Iterator[Observation]:
    """The observations of a recording of one camera.

    The camera's state starts at the scene without what stands in it (``drc_runtime.inference.empty_scene``), learns the scale in
    a first pass, and in a second one says what it knows of each frame.

    Args:
        frames: ``(H, W, 3)`` uint8 RGB, in order, all of one size.
        rate: frames a second.
    """
    camera = known_camera(frames)
    for number in range(2):
        for frame in frames:
            image = frame.astype(np.float32)
            view = camera.look(image, 1 / rate)
            if number:
                yield observe(frame, view.background, view.scale)
            odds = np.clip(plain_log_odds(image, view.background, view.scale), -30, 30)
            camera.learn((1 / (1 + np.exp(-odds))).astype(np.float32), 1 / rate)


def known_camera(frames: Sequence[Image]) -> FixedCamera:
    """A camera's state that starts at the recording's empty scene."""
    image = empty_scene(np.stack(frames)).image.astype(np.float32)
    camera = FixedCamera(image)
    camera.background.know(image)
    return camera
