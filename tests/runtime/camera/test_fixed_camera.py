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


def test_a_background_that_changes_slowly_is_followed() -> None:
    watched = Watched(room())
    watched.see(room(), 40)
    changed = room()
    for number in range(300):
        changed[40:60, 4:24] = room()[40:60, 4:24] + 12 * number / 300
        watched.see(changed)
    watched.see(changed, 300)
    assert np.abs(watched.camera.background.image - changed)[42:58, 6:22].mean() < 3


def test_the_scale_is_the_mean_absolute_deviation_of_each_pixel() -> None:
    camera, random = FixedCamera(room()), np.random.default_rng(2)
    deviation = np.where(np.arange(64) < 32, 2.0, 9.0)[None, :, None]
    for _ in range(400):
        camera.look((room() + random.laplace(0, deviation, room().shape)).astype(np.float32), SECONDS)
        camera.learn(np.zeros((64, 64), np.float32), SECONDS)
    halves = camera.background.scale[:, :32].mean(), camera.background.scale[:, 32:].mean()
    np.testing.assert_allclose(halves, (2, 9), rtol=0.2)


def test_a_ghost_before_what_is_as_busy_as_itself_goes_by_its_time() -> None:
    busy = room()
    busy[12:52, 18:46] = np.random.default_rng(3).choice([30.0, 220.0], (40, 28, 1))
    watched = Watched(thing(busy, 26))
    watched.see(thing(busy, 26), 40)
    assert watched.see(busy, 20)[22:42, 28:36].mean() > 0.5
    assert watched.see(busy, 80)[22:42, 28:36].mean() < 0.1


def test_a_camera_that_shows_nothing_for_long_keeps_its_background() -> None:
    watched = Watched(room())
    watched.see(room(), 40)
    watched.see(np.full_like(room(), 3), 150, noise=0.2)
    assert (watched.see(room(), 2) > 0.5).mean() < 0.02
    assert "the camera shows a picture again" in watched.camera.watch.notices


def test_a_hand_before_the_lens_is_told_and_teaches_nothing() -> None:
    hand = np.asarray(120 + 0.1 * (room(5) - 120), np.float32)
    watched = Watched(room())
    watched.see(room(), 40)
    watched.see(hand, 150)
    assert "the camera is covered" in watched.camera.watch.notices
    assert (watched.see(room(), 2) > 0.5).mean() < 0.02


def test_a_picture_that_does_not_change_at_all_is_told() -> None:
    watched = Watched(room())
    watched.see(room(), 40)
    watched.see(room(), 30, noise=0)
    assert watched.camera.watch.notices == ["the camera sends the same picture again and again"]


def test_noise_along_stripes_is_no_movement() -> None:
    stripes = np.repeat(np.repeat(np.where(np.arange(64) // 8 % 2, 90.0, 110.0)[None, :, None], 64, 0), 3, 2)
    watched = Watched(np.asarray(stripes, np.float32))
    for number in range(200):
        passing = np.asarray(stripes, np.float32).copy()
        passing[(2 * number) % 80 : (2 * number) % 80 + 12, 20:44] = 30
        watched.see(passing, noise=6)
    assert not [line for line in watched.camera.watch.notices if "moved" in line]
