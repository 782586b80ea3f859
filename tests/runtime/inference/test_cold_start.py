"""Where chains begin, and how long and with what steps they go on."""

from dataclasses import replace

import numpy as np
import pytest

from drc_runtime.bundle.manifest import InitialChain, Schedule
from drc_runtime.errors import EngineError, UsageError
from drc_runtime.inference.cold_start import ColdStart
from drc_runtime.inference.options import Sampling
from tests.toy_chain import SETTINGS, ToyChain, toy_track


class Initial:
    """As a bound ``initial_latent``: z is a value, whatever the image."""

    def __init__(self, z: float) -> None:
        self.inputs = {"image": np.zeros((1, 1), np.float32)}
        self.outputs = {"z": np.array([[z]], np.float32)}
        self.runs = 0

    def run(self) -> None:
        self.runs += 1


LEARNED = replace(SETTINGS, schedule=Schedule(1, 0.1), initial=InitialChain(10, Schedule(0.5, 0.25)))


def test_without_an_initialiser_chains_begin_at_noise_in_the_bundle_s_steps() -> None:
    cold = ColdStart(ToyChain(), replace(SETTINGS, schedule=Schedule(1, 0.1)))
    assert (cold.steps, cold.is_learned) == (60, False) and cold.z(np.zeros(1)) == 100
    np.testing.assert_allclose(cold.sizes(2), [1, 0.1])


def test_with_one_they_begin_at_its_latent_in_its_steps() -> None:
    cold = ColdStart(ToyChain(), LEARNED, Initial(3.0))
    assert (cold.steps, cold.is_learned) == (10, True) and cold.z(np.zeros((1, 1), np.float32)) == 3
    np.testing.assert_allclose(cold.sizes(2), [0.5, 0.25])


def test_the_next_image_does_not_change_a_latent_that_was_given() -> None:
    initial = Initial(3.0)
    cold = ColdStart(ToyChain(), LEARNED, initial)
    first = cold.z(np.zeros((1, 1), np.float32))
    initial.outputs["z"][...] = 4
    assert first == 3 and cold.z(np.zeros((1, 1), np.float32)) == 4


def test_a_latent_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(EngineError, match="--from-noise"):
        ColdStart(ToyChain(), LEARNED, Initial(np.nan)).z(np.zeros((1, 1), np.float32))


def test_a_changed_scene_is_recovered_on_the_frame_that_shows_it_within_the_budget() -> None:
    class Far(ToyChain):
        """Chains further away than 150 never move."""

    initial = Initial(0.0)
    track = toy_track(4, 14, Far(), ColdStart(Far(), LEARNED, initial))
    for _ in range(8):
        track.step(0.0)
    initial.outputs["z"][...] = 400
    z, steps = track.step(400.0)
    assert z == pytest.approx(400) and steps <= 14 and track.restarts == 1
    z, steps = track.step(400.0)
    assert z == pytest.approx(400) and steps <= 14


def test_a_bundle_without_an_initialiser_refuses_from_noise(toy_bundle) -> None:
    from drc_runtime.inference.extractor import Extractor

    with pytest.raises(UsageError, match="--from-noise has no effect"):
        Extractor(toy_bundle, sampling=Sampling(from_noise=True))
