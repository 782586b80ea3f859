"""How many steps fit into a frame: from the measured cost of a step and of what is beside it."""

import time

import numpy as np
import pytest

from drc_runtime.inference import calibration
from drc_runtime.inference.calibration import SHARE, calibrate


class Clockwork:
    """Takes ``beside`` + ``step`` x steps milliseconds a frame, by its own clock; the first frame three times as long."""

    class manifest:  # noqa: N801
        class sampler:  # noqa: N801
            track_steps = 8

    def __init__(self, step: float, beside: float) -> None:
        self.step, self.beside, self.now, self.frames = step, beside, 0.0, 0

    def extract(self, image: np.ndarray, *, steps: int) -> None:
        self.frames += 1
        self.now += (self.beside + self.step * steps) / 1000 * (3 if self.frames == 1 else 1)


@pytest.mark.parametrize(
    ("step", "beside", "rate", "steps", "budget"),
    [
        (2.0, 6.0, 29, 7, 7),  # 0.6 x 34.5 ms = 20.7 ms, of which 6 are taken
        (2.0, 6.0, 9.9, 8, 27),  # no more than the bundle asks for; the rest is for a scene that changes
        (50.0, 10.0, 30, 1, 1),  # too slow: frames are dropped, but none goes without a step
        (1.0, 40.0, 30, 1, 1),
    ],
)
def test_what_fits(monkeypatch: pytest.MonkeyPatch, step, beside, rate, steps: int, budget: int) -> None:
    clock = Clockwork(step, beside)
    monkeypatch.setattr(calibration.time, "perf_counter", lambda: clock.now)
    found = calibrate(clock, np.zeros((4, 4, 3), np.uint8), rate)
    assert (found.steps, found.budget) == (steps, budget) and SHARE == 0.6
    assert abs(found.step_milliseconds - step) < 1e-6 and abs(found.frame_milliseconds - beside) < 1e-6


def test_it_takes_a_fraction_of_a_second(toy_bundle) -> None:
    from drc_runtime.inference.extractor import Extractor

    begun = time.monotonic()
    found = calibrate(Extractor(toy_bundle, threads=1), np.zeros((48, 64, 3), np.uint8), 25)
    assert found.steps == 2 <= found.budget and time.monotonic() - begun < 5
