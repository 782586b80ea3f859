"""The factors of a chain's steps."""

import numpy as np
import pytest

from drc_runtime.bundle.manifest import Schedule
from drc_runtime.inference.schedule import relative_steps


def test_without_a_schedule_steps_are_whole() -> None:
    assert relative_steps(None, 3) is None


def test_steps_go_in_a_straight_line_from_start_to_end() -> None:
    np.testing.assert_allclose(relative_steps(Schedule(2, 0.5), 4), [2, 1.5, 1, 0.5], rtol=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 10, 300])
@pytest.mark.parametrize("start", [0.2, 1, 16])
def test_the_last_step_is_the_end_and_none_grows(steps: int, start: float) -> None:
    found = relative_steps(Schedule(start, 0.1), steps)
    assert found is not None and found.shape == (steps,) and found[-1] == np.float32(0.1)
    assert (np.diff(found) <= 0).all() and found.max() <= start
