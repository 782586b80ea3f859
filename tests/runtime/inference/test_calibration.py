"""How many steps fit into a frame, from the measured duration of a step and of the rest of a frame."""

from pathlib import Path

import numpy as np
import pytest

from drc_runtime.inference.calibration import FEW, MANY, ROUNDS, SHARE, calibrate
from drc_runtime.inference.extractor import Extractor

IMAGE = np.zeros((4, 4, 3), np.uint8)


class Clockwork:
    """An extractor with its own clock: ``rest`` + ``step`` x steps milliseconds for an image, three times that for the first."""

    class manifest:  # noqa: N801
        class sampler:  # noqa: N801
            track_steps = 8

    def __init__(self, step: float, rest: float) -> None:
        self.step, self.rest, self.now, self.frames = step, rest, 0.0, 0

    def trial(self, image: np.ndarray, steps: int) -> None:
        self.frames += 1
        self.now += (self.rest + self.step * steps) / 1000 * (3 if self.frames == 1 else 1)

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("step", "rest", "milliseconds", "steps", "budget"),
    [
        (2.0, 6.0, 20.7, 7, 7),  # 14.7 ms are left for steps
        (2.0, 6.0, 60.5, 8, 27),  # an ordinary frame takes no more than the bundle asks for
        (50.0, 10.0, 20.0, 1, 1),  # too slow for the rate: every frame still takes one step
        (1.0, 40.0, 20.0, 1, 1),
    ],
)
def test_what_fits_into_inference_s_share_of_a_frame(
    step: float, rest: float, milliseconds: float, steps: int, budget: int
) -> None:
    clockwork = Clockwork(step, rest)
    found = calibrate(clockwork, IMAGE, SHARE / (milliseconds / 1000), clockwork.clock)
    assert (found.steps, found.budget) == (steps, budget)
    assert found.step_milliseconds == pytest.approx(step) and found.frame_milliseconds == pytest.approx(rest)


def test_the_rest_of_a_frame_s_time_is_left_to_others() -> None:
    clockwork = Clockwork(1.0, 0.0)
    budget = calibrate(clockwork, IMAGE, 10, clockwork.clock).budget
    assert 0 < SHARE < 1 and budget == int(SHARE * 100)


def test_a_real_extractor_takes_a_bounded_number_of_steps(toy_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extractor, taken = Extractor(toy_bundle, threads=1), []
    run = extractor.sampler.run

    def counted(image: np.ndarray, z: np.ndarray, steps: int, sizes: np.ndarray | None = None) -> object:
        taken.append(steps)
        return run(image, z, steps, sizes)

    monkeypatch.setattr(extractor.sampler, "run", counted)
    found = calibrate(extractor, np.zeros((48, 64, 3), np.uint8), 25, lambda: 0.01 * sum(taken))
    assert taken == [FEW] * ROUNDS + [MANY] * ROUNDS
    assert (found.steps, found.step_milliseconds) == (extractor.manifest.sampler.track_steps, pytest.approx(10))
