"""The light of a frame: a gain and an offset for each channel, by robust regression on the background."""

import numpy as np

from drc_runtime.camera.pictures import Array

EVERY = 4
"""Every fourth pixel of every fourth row: 256 of a picture of 64x64."""
ROUNDS = 2
SEARCH_ROUNDS = 6
JUMP = 8.0
"""Grey levels: where the mean residual is above this, the light is searched for from another start as well."""
PRIOR = 100.0
"""Square grey levels: the variance that the background must have for half of a measured gain to be believed."""
NOISE = 4.0
"""Grey levels: residuals below this count alike."""
LEAD = 0.1
"""Grey levels by which the other start must fit better: both often end near each other, and then rounding would choose."""
MOST = 60.0
"""Grey levels: larger residuals count alike when two fits are compared."""
CLIPPED = 4.0
"""Grey levels from black and from white."""
LEAST_GAIN = 0.25
"""... and the largest is its inverse: what needs more is no light, but a hand before the lens."""
FEWEST = 0.2
"""With a smaller share of the background in view, the light stays as it was."""


class Light:
    """Follows the light: the fit of the frame before is where the next one starts.

    Attributes:
        gain, offset: ``(3,)``: frame = gain * background + offset, in grey levels.
    """

    def __init__(self) -> None:
        """Starts at a light that changes nothing."""
        self.gain: Array = np.ones(3, np.float32)
        self.offset: Array = np.zeros(3, np.float32)

    def on(self, background: Array) -> Array:
        """``background (h, w, 3)`` under this light, clipped as a camera does."""
        return np.asarray(np.clip(self.gain * background + self.offset, np.float32(0), np.float32(255)), np.float32)

    def fit(self, image: Array, background: Array, sure: Array) -> None:
        """Least absolute deviations by reweighted least squares.

        Args:
            image: ``(h, w, 3)`` in grey levels.
            background: likewise.
            sure: ``(h, w)`` in [0, 1], how sure a pixel is background: by the frame before.
        """
        y = image[::EVERY, ::EVERY].reshape(-1, 3)
        x = background[::EVERY, ::EVERY].reshape(-1, 3)
        weight = sure[::EVERY, ::EVERY].reshape(-1, 1)
        if float(weight.mean()) < FEWEST:
            weight = np.ones_like(weight)
        # what the camera clips says nothing of the light
        open_range = ((y > CLIPPED) & (y < 255 - CLIPPED)).astype(np.float32)
        weight = weight * open_range + np.float32(1e-6)
        gain, offset, residual = _regress(x, y, weight, self.gain, self.offset, ROUNDS)
        if residual > JUMP:
            start = np.asarray(np.median(y, 0) / np.maximum(np.median(x, 0), 1), np.float32)
            other = _regress(x, y, open_range + np.float32(1e-6), start, np.zeros(3, np.float32), SEARCH_ROUNDS)
            again = _regress(x, y, open_range + np.float32(1e-6), self.gain, self.offset, SEARCH_ROUNDS)
            gain, offset, residual = other if other[2] < again[2] - LEAD else again
        self.gain, self.offset = gain, offset


def _regress(x: Array, y: Array, weight: Array, gain: Array, offset: Array, rounds: int) -> tuple[Array, Array, float]:
    """Gain and offset after some rounds from a start, and the mean residual."""
    for _ in range(rounds):
        q = weight / np.maximum(np.abs(y - gain * x - offset), np.float32(NOISE))
        total = q.sum(0)
        qx = q * x
        mean_x, mean_y = qx.sum(0) / total, (q * y).sum(0) / total
        covariance = (qx * y).sum(0) / total - mean_x * mean_y
        variance = (qx * x).sum(0) / total - mean_x * mean_x
        gain = (covariance + np.float32(PRIOR)) / (variance + np.float32(PRIOR))
        gain = np.clip(gain, np.float32(LEAST_GAIN), np.float32(1 / LEAST_GAIN))
        offset = mean_y - gain * mean_x
    residual = np.minimum(np.abs(y - gain * x - offset), np.float32(MOST)) * weight
    return gain, offset, float(residual.sum() / weight.sum())
