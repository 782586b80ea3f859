"""The step sizes of a chain: large steps first, which find the mode, then small ones, which settle in it."""

import numpy as np

from drc_runtime.bundle.manifest import Schedule
from drc_runtime.engines.protocol import Array


def relative_steps(schedule: Schedule | None, steps: int) -> Array | None:
    """The factors a_k of a chain's ``steps`` steps: z += a_k (z_next - z).

    a_k goes in a straight line from ``schedule.start`` at k = 1 to ``schedule.end`` at k = K; a chain of one step has the end.

    Args:
        schedule: of the bundle; None: constant steps.
        steps: K, 1 or more.

    Returns:
        ``(K,)`` float32 above 0; None where all are 1.
    """
    if schedule is None:
        return None
    # in float64, as the other languages compute it
    done = np.arange(steps) / (steps - 1) if steps > 1 else np.ones(1)
    return np.asarray(schedule.start + (schedule.end - schedule.start) * done, np.float32)
