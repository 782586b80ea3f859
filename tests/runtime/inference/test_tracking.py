"""Tracking: the number of steps is fixed, a changed scene is noticed, nothing costs more than the budget."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.bundle.manifest import Schedule
from drc_runtime.errors import EngineError, UsageError
from drc_runtime.inference.langevin import PosteriorSample
from drc_runtime.inference.schedule import relative_steps
from drc_runtime.inference.tracking import LOW_FRAMES, Baseline, Track
from tests.toy_chain import SETTINGS, ToyChain, ToyReader, toy_track

VECTORS = json.loads((Path(__file__).parents[2] / "native" / "tracking_vectors.json").read_text())


def test_a_calm_scene_takes_the_same_number_of_steps_on_every_frame() -> None:
    track = toy_track(4, budget=12)
    taken = [track.step(10.0 + 0.01 * index)[1] for index in range(100)]
    assert taken == [60] + [4] * 99 and track.restarts == 0


@pytest.mark.parametrize("budget", [4, 5, 12, 1000])
def test_after_a_cut_that_the_chain_cannot_follow_one_from_noise_takes_over_within_the_budget(budget: int) -> None:
    track = toy_track(4, budget=budget)
    for _ in range(20):
        track.step(0.0)
    found = [track.step(200.0) for _ in range(60)]
    assert max(steps for _, steps in found) <= max(budget, 4)
    assert track.restarts == 1
    assert abs(found[-1][0] - 200) < 2
    assert [steps for _, steps in found[-5:]] == [4] * 5


def test_without_a_budget_the_whole_chain_is_run_on_one_frame() -> None:
    track = toy_track(4)
    for _ in range(20):
        track.step(0.0)
    found = [track.step(200.0) for _ in range(LOW_FRAMES + 1)]
    assert found[-1][1] == 64 and abs(found[-1][0] - 200) < 2


def test_a_scene_that_stays_unexplained_is_accepted_after_one_restart() -> None:
    track = toy_track(4, budget=20, chain=ToyChain(reach=50.0))
    for _ in range(20):
        track.step(90.0)
    for _ in range(300):
        track.step(400.0)
    assert track.restarts == 1


def test_a_single_odd_frame_gets_more_steps_and_no_restart() -> None:
    track = toy_track(4, budget=12)
    for _ in range(20):
        track.step(0.0)
    assert track.step(20.0)[1] == 12
    for _ in range(20):
        track.step(0.0)
    assert track.restarts == 0


def test_the_number_of_steps_may_change_between_frames() -> None:
    track = toy_track(4)
    track.step(0.0)
    track.steps = 9
    assert track.step(0.0)[1] == 9


def test_after_an_error_the_chain_starts_from_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = ToyChain()
    track = toy_track(4, chain=chain)
    assert [track.step(0.0)[1] for _ in range(2)] == [SETTINGS.cold_steps, 4]

    def diverge(*_: object) -> None:
        raise EngineError("diverged")

    with monkeypatch.context() as patch:
        patch.setattr(chain, "run", diverge)
        with pytest.raises(EngineError):
            track.step(0.0)
    assert track.step(0.0)[1] == SETTINGS.cold_steps


def test_none_takes_the_model_s_steps_and_0_is_refused() -> None:
    assert toy_track(None).steps == SETTINGS.track_steps
    with pytest.raises(UsageError, match="1 or more"):
        toy_track(0)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_decisions_that_both_runtimes_agree_on(vector: dict) -> None:
    track = toy_track(vector["steps"], vector["budget"], ToyChain(vector["reach"]))
    for index, (target, z, steps, restarts) in enumerate(vector["frames"]):
        found, taken = track.step(target)
        assert (taken, track.restarts) == (steps, restarts), index
        assert found == pytest.approx(z, rel=1e-5, abs=2e-4), index


def test_the_baseline_needs_frames_tolerates_noise_and_can_be_cleared() -> None:
    baseline = Baseline()
    random = np.random.default_rng(0)
    assert not baseline.is_low(-1e9)
    for value in random.normal(-1000, 30, 200):
        assert not baseline.is_low(value)
        baseline.add(value)
    assert baseline.is_low(-1400) and not baseline.is_low(-100)
    baseline.clear()
    assert not baseline.is_low(-1400)


def test_a_second_chain_goes_through_the_schedule_over_all_its_frames() -> None:
    class Recorded(ToyChain):
        def run(self, image: np.ndarray, z: np.ndarray, steps: int, sizes: np.ndarray | None = None) -> PosteriorSample:
            if sizes is not None:
                cold.append(sizes)
            return super().run(image, z, steps, sizes)

    cold: list[np.ndarray] = []
    settings = replace(SETTINGS, schedule=Schedule(1, 0.1))
    # from the target, the second chain starts further away than the first, so it never wins and runs to its end
    track = Track(Recorded(), ToyReader(), settings, 4, 24)
    whole = relative_steps(settings.schedule, settings.cold_steps)
    for target in [0.0] * 10 + [-200.0] * 8:
        track.step(target)
    assert np.array_equal(cold[0], whole) and track.restarts >= 1
    assert np.array_equal(np.concatenate(cold[1:4]), whole)
