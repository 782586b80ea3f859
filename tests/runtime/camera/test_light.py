"""The light of a frame by robust regression."""

import numpy as np
import pytest

from drc_runtime.camera.light import CLIPPED, EVERY, JUMP, SEARCH_ROUNDS, Light, _regress
from drc_runtime.camera.pictures import Array


def picture(low: float = 30, high: float = 200) -> Array:
    return np.random.default_rng(0).uniform(low, high, (64, 64, 3)).astype(np.float32)


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (0.5, 10.0), (1.2, -25.0), (0.4, 0.0), (0.4, 100.0)])
def test_a_few_frames_are_enough_also_beside_a_large_thing(gain: float, offset: float) -> None:
    light, background = Light(), picture()
    image = gain * background + offset
    image[:40, :40] = 240, 10, 90  # 39 % of the picture
    for _ in range(4):
        light.fit(image, background, np.ones((64, 64), np.float32))
    np.testing.assert_allclose(light.on(background)[50:], image[50:], atol=8)


@pytest.mark.parametrize("gain", [1.1, 1.6])  # followed from the frame before, and searched for
def test_what_is_clipped_does_not_count(gain: float) -> None:
    light, background = Light(), picture(20, 250)
    image = np.clip(gain * background, 0, 255)
    for _ in range(4):
        light.fit(image, background, np.ones((64, 64), np.float32))
    np.testing.assert_allclose(light.gain, gain, atol=0.005 + 0.06 * (gain - 1))
    np.testing.assert_allclose(light.on(background), image, atol=4 * (gain - 1) + 0.5)


@pytest.mark.parametrize("seed", range(8))
def test_two_fits_that_are_as_good_leave_no_choice_to_rounding(seed: int) -> None:
    """A frame that is all noise is searched for from two starts, which end near each other: the frame before decides."""
    background, every = picture(), (slice(None, None, EVERY),) * 2
    noise = np.random.default_rng(seed).normal(0, 14, background.shape)
    image = np.asarray(0.6 * background + noise, np.float32)
    y, x = image[every].reshape(-1, 3), background[every].reshape(-1, 3)
    weight = ((y > CLIPPED) & (y < 255 - CLIPPED)).astype(np.float32) + np.float32(1e-6)
    before = np.ones(3, np.float32), np.zeros(3, np.float32)
    gain, offset, residual = _regress(x, y, weight, *before, SEARCH_ROUNDS)
    assert residual > JUMP
    light = Light()
    light.fit(image, background, np.ones((64, 64), np.float32))
    np.testing.assert_array_equal([light.gain, light.offset], [gain, offset])
