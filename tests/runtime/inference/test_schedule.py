"""The factors of a cold chain's steps."""

import numpy as np
import pytest

from drc_runtime.bundle.manifest import Schedule
from drc_runtime.inference.schedule import relative_steps


def test_without_a_schedule_steps_are_whole() -> None:
    assert relative_steps(None, 3) is None


def test_the_held_steps_are_whole_and_the_others_fall_geometrically_to_the_end() -> None:
    found = relative_steps(Schedule(0.5, 0.01), 4)
    np.testing.assert_allclose(found, [1, 1, 0.1, 0.01], rtol=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 10, 300])
@pytest.mark.parametrize("hold", [0, 0.3, 0.99])
def test_the_last_step_is_the_end_and_none_grows(steps: int, hold: float) -> None:
    found = relative_steps(Schedule(hold, 0.1), steps)
    assert found is not None and found.shape == (steps,) and found[-1] == np.float32(0.1)
    assert (np.diff(found) <= 0).all() and found.max() <= 1
