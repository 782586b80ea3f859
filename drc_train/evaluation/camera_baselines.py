"""Baselines for the clip of a fixed camera: what its user would try first, and this project's own state without a model."""

from collections.abc import Callable, Iterable
from itertools import islice

import cv2
import numpy as np

from drc_runtime.camera.fixed_camera import FixedCamera
from drc_runtime.camera.pictures import Array
from drc_runtime.camera.plain import plain_log_odds
from drc_runtime.errors import MissingDependencyError
from drc_runtime.images import Image
from drc_runtime.inference.mask import follow_edges
from drc_runtime.inference.tracking import FRAME_SECONDS
from drc_runtime.preprocess import resize
from drc_train.evaluation.metrics import Mask

Segmenter = Callable[[Image], Mask]
"""The frames ``(H, W, 3)`` uint8 RGB of one clip in their order, each to its mask ``(H, W)`` uint8, 0 or 255."""
SUBTRACTORS = {
    "mog2": lambda: cv2.createBackgroundSubtractorMOG2(detectShadows=False),
    "knn": lambda: cv2.createBackgroundSubtractorKNN(detectShadows=False),
    "cnt": lambda: _contrib().createBackgroundSubtractorCNT(),
    "gsoc": lambda: _contrib().createBackgroundSubtractorGSOC(),
    "lsbp": lambda: _contrib().createBackgroundSubtractorLSBP(),
}
"""OpenCV's background subtractors with their defaults, without shadow detection."""
SIZE = 64
"""Height and width at which ``plain`` and ``online`` work, as the bundled models do."""
PLAIN_THRESHOLD = 60.0
"""Grey levels, channels summed."""
PLAIN_FRAMES = 200
"""Frames of the median, at most, evenly spread."""
_SOFT = 8.0
"""Grey levels of ``plain`` in a unit of log-odds: decides only how far the filter moves an outline."""
_LARGEST_LOG_ODDS = 8.0


def subtractor(name: str) -> Segmenter:
    """A new one of ``SUBTRACTORS``.

    Raises:
        MissingDependencyError: this OpenCV lacks it.
    """
    found = SUBTRACTORS[name]()
    return lambda image: np.asarray(found.apply(cv2.cvtColor(image, cv2.COLOR_RGB2BGR)), np.uint8)


def plain(frames: Iterable[Image], count: int) -> Segmenter:
    """A median and a threshold: the difference from the median of the whole clip, its outline along the frame's edges.

    Args:
        frames: of the clip.
        count: their number.
    """
    every = max(1, count // PLAIN_FRAMES)
    sample = [resize(frame, (SIZE, SIZE)) for frame in islice(frames, 0, None, every)]
    background = np.asarray(np.median(np.stack(sample), 0), np.float32)

    def segment(image: Image) -> Mask:
        difference = resize(image, (SIZE, SIZE)).astype(np.float32) - background
        distance = np.abs(difference - np.median(difference, (0, 1))).sum(2)
        return _mask((distance - PLAIN_THRESHOLD) / _SOFT, image)

    return segment


def online() -> Segmenter:
    """The state of a fixed camera that learns while it runs, without a model: what one adds is measured against it."""
    camera: FixedCamera | None = None

    def segment(image: Image) -> Mask:
        nonlocal camera
        small = resize(image, (SIZE, SIZE)).astype(np.float32)
        camera = camera or FixedCamera(small)
        view = camera.look(small, FRAME_SECONDS)
        log_odds = plain_log_odds(small, view.background, view.scale)
        camera.learn(np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -30, 30))), np.float32), FRAME_SECONDS)
        return _mask(log_odds, image)

    return segment


def _mask(log_odds: Array, image: Image) -> Mask:
    outlined = follow_edges(np.asarray(log_odds, np.float32), image, _LARGEST_LOG_ODDS)
    return np.where(cv2.resize(outlined, image.shape[1::-1]) > 0, 255, 0).astype(np.uint8)


def _contrib() -> "cv2.bgsegm":  # type: ignore[name-defined]
    if not hasattr(cv2, "bgsegm"):
        raise MissingDependencyError(
            "cnt, gsoc and lsbp are in opencv-contrib-python, which replaces opencv-python: in an environment of its own, "
            "pip uninstall opencv-python, then pip install opencv-contrib-python"
        )
    return cv2.bgsegm
