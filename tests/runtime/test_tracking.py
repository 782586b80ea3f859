"""Tracking: the number of steps is fixed, a changed scene is noticed, nothing costs more than the budget."""

import numpy as np
import pytest

from drc_runtime.langevin import PosteriorSample
from drc_runtime.novelty import Baseline
from drc_runtime.tracking import LOW_FRAMES, Track


class Chain:
    """A one-dimensional posterior: every step halves the distance to ``target``, as far as ``reach`` allows.

    A chain from noise starts at 100 and can get anywhere; one that is further than ``reach`` away never moves, like a
    chain in a wrong mode.
    """

    reach = 150.0

    def __init__(self) -> None:
        self.runs: list[int] = []

    def noise(self) -> np.ndarray:
        return np.array([[100.0]], np.float32)

    def run(self, image: np.ndarray, z: np.ndarray, steps: int) -> PosteriorSample:
        self.runs.append(steps)
        target = float(image)
        z = z.copy()
        for _ in range(steps):
            z += 0.1 * (target - z) if abs(target - z[0, 0]) < self.reach else 0
        empty = np.zeros((1, 1, 1, 1), np.float32)
        return PosteriorSample(z, np.array([-100 - (target - z[0, 0]) ** 2]), empty, empty, empty)


class FakeExtractor:
    class manifest:  # noqa: N801
        class sampler:  # noqa: N801
            cold_steps, track_steps = 60, 4

    def __init__(self) -> None:
        self.sampler = Chain()

    def prepare(self, picture: float) -> float:
        return picture

    def read(self, picture: float, sample: PosteriorSample, steps: int, *_: float) -> tuple[float, int]:
        return float(sample.z[0, 0]), steps


@pytest.fixture
def extractor() -> FakeExtractor:
    return FakeExtractor()


def test_a_calm_scene_takes_the_same_number_of_steps_on_every_frame(extractor: FakeExtractor) -> None:
    track = Track(extractor, 4, budget=12)
    taken = [track.step(10.0 + 0.01 * index)[1] for index in range(100)]
    assert taken == [60] + [4] * 99 and track.restarts == 0


@pytest.mark.parametrize("budget", [4, 5, 12, 1000])
def test_after_a_cut_that_the_chain_cannot_follow_one_from_noise_takes_over_within_the_budget(
    extractor, budget
) -> None:
    track = Track(extractor, 4, budget=budget)
    for _ in range(20):
        track.step(0.0)
    found = [track.step(200.0) for _ in range(60)]
    assert max(steps for _, steps in found) <= max(budget, 4)
    assert track.restarts == 1
    assert abs(found[-1][0] - 200) < 2
    assert [steps for _, steps in found[-5:]] == [4] * 5


def test_without_a_budget_the_whole_chain_is_run_on_one_frame(extractor: FakeExtractor) -> None:
    track = Track(extractor, 4)
    for _ in range(20):
        track.step(0.0)
    found = [track.step(200.0) for _ in range(LOW_FRAMES + 1)]
    assert found[-1][1] == 64 and abs(found[-1][0] - 200) < 2


def test_a_scene_that_stays_unexplained_is_accepted_and_not_tried_for_ever(extractor: FakeExtractor) -> None:
    extractor.sampler.reach = 50.0
    track = Track(extractor, 4, budget=20)
    for _ in range(20):
        track.step(90.0)
    for _ in range(300):
        track.step(400.0)
    assert track.restarts == 1


def test_a_single_odd_frame_gets_more_steps_and_no_restart(extractor: FakeExtractor) -> None:
    track = Track(extractor, 4, budget=12)
    for _ in range(20):
        track.step(0.0)
    assert track.step(20.0)[1] == 12
    for _ in range(20):
        track.step(0.0)
    assert track.restarts == 0


def test_the_baseline_needs_frames_forgives_noise_and_forgets() -> None:
    baseline = Baseline()
    random = np.random.default_rng(0)
    assert not baseline.is_low(-1e9)
    for value in random.normal(-1000, 30, 200):
        assert not baseline.is_low(value)
        baseline.add(value)
    assert baseline.is_low(-1400) and not baseline.is_low(-100)
    baseline.forget()
    assert not baseline.is_low(-1400)
