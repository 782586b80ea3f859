"""The state of a fixed camera on drawn scenes whose background is known."""

import numpy as np
import pytest

from drc_runtime.camera.adaptation import Adaptation
from drc_runtime.camera.fixed_camera import FixedCamera
from drc_runtime.camera.pictures import Array, shifted, to_grey
from drc_runtime.camera.plain import plain_log_odds
from drc_runtime.errors import UsageError

SECONDS = 0.04


def room(seed: int = 0) -> Array:
    random = np.random.default_rng(seed)
    coarse = random.uniform(40, 200, (8, 8, 3)).astype(np.float32)
    return np.asarray(np.kron(coarse, np.ones((8, 8, 1), np.float32)), np.float32)


def thing(picture: Array, left: int) -> Array:
    result = picture.copy()
    result[20:44, left : left + 12] = (250, 20, 30)
    return result


class Watched:
    """A camera whose E-step is the plain one."""

    def __init__(self, first: Array, adaptation: Adaptation = Adaptation()) -> None:  # noqa: B008 - frozen
        self.camera = FixedCamera(first, adaptation)
        self.random = np.random.default_rng(1)

    def see(self, picture: Array, frames: int = 1, noise: float = 1.0) -> Array:
        for _ in range(frames):
            noisy = np.clip(picture + self.random.normal(0, noise, picture.shape), 0, 255).astype(np.float32)
            view = self.camera.look(noisy, SECONDS)
            odds = np.clip(plain_log_odds(noisy, view.background, view.scale), -30, 30)
            found = (1 / (1 + np.exp(-odds))).astype(np.float32)
            self.camera.learn(found, SECONDS)
        return found


def test_what_comes_in_is_foreground_and_the_background_stays() -> None:
    watched = Watched(room())
    watched.see(room(), 30)
    found = watched.see(thing(room(), 26), 200)
    assert found[22:42, 28:36].min() > 0.9 and found[:, :20].max() < 0.1
    assert np.abs(watched.camera.background.image - room()).max() < 6


def test_a_ghost_goes_within_a_second() -> None:
    watched = Watched(thing(room(), 26))
    watched.see(thing(room(), 26), 60)
    assert watched.see(room(), 25).max() < 0.5


def test_a_thing_that_stays_is_absorbed_after_its_time_and_not_before() -> None:
    watched = Watched(room(), Adaptation(absorb=14))
    watched.see(room(), 300)
    assert watched.see(thing(room(), 26), 300)[22:42, 28:36].min() > 0.9
    assert watched.see(thing(room(), 26), 120).max() < 0.5


@pytest.mark.parametrize(("gain", "offset"), [(1.3, 0), (0.7, 0), (1.0, 40), (1.0, -35)])
def test_another_light_is_no_foreground(gain: float, offset: float) -> None:
    watched = Watched(room())
    watched.see(room(), 40)
    lit = np.clip(gain * room() + offset, 0, 255).astype(np.float32)
    assert (watched.see(lit, 3) > 0.5).mean() < 0.02
    assert watched.camera.watch.notices == ["the light has changed"]


def test_a_camera_that_moved_is_followed() -> None:
    watched = Watched(room())
    watched.see(room(), 40)
    assert (watched.see(shifted(room(), 1.5, -1.0), 25) > 0.5).mean() < 0.02
    assert "the camera has moved" in watched.camera.watch.notices[0]


def test_a_camera_without_colour_is_compared_in_grey() -> None:
    watched = Watched(room())
    watched.see(room(), 40)
    before = watched.camera.background.image.copy()
    assert (watched.see(to_grey(room()), 10) > 0.5).mean() < 0.02
    assert "no colour" in watched.camera.watch.notices[0]
    np.testing.assert_array_equal(watched.camera.background.image, before)


def test_a_covered_camera_teaches_nothing() -> None:
    watched = Watched(room())
    watched.see(room(), 40)
    before = watched.camera.background.image.copy()
    watched.see(np.full_like(room(), 3), 25, noise=0.2)
    assert any("shows nothing" in line for line in watched.camera.watch.notices)
    assert np.abs(watched.camera.background.image - before).max() < 3


def test_nothing_adapts_if_nothing_may() -> None:
    watched = Watched(room(), Adaptation("nothing"))
    watched.see(room(), 40)
    before = watched.camera.background.image.copy()
    watched.see(thing(room(), 26), 60)
    np.testing.assert_array_equal(watched.camera.background.image, before)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(UsageError, match="choose one of all, light, nothing"):
        Adaptation("some")
    with pytest.raises(UsageError, match="give a second or more"):
        Adaptation(absorb=0.1)
