"""The step sizes of a chain that starts cold: large steps first, which find the mode, then small ones, which settle in it."""

import numpy as np

from drc_runtime.bundle.manifest import Schedule
from drc_runtime.engines.protocol import Array


def relative_steps(schedule: Schedule | None, steps: int) -> Array | None:
    """The factors a_k of a chain's ``steps`` steps: z += a_k (z_next - z).

    The first ``hold`` of the steps have a_k = 1; after them a_k falls geometrically and ends at ``schedule.end``.

    Args:
        schedule: of the bundle; None: constant steps.
        steps: K, 1 or more.

    Returns:
        ``(K,)`` float32 in (0, 1]; None where all are 1.
    """
    if schedule is None:
        return None
    held = schedule.hold * steps
    # in float64, as the other languages compute it
    fallen = np.clip((np.arange(1, steps + 1) - held) / max(steps - held, 1e-9), 0, 1)
    return np.asarray(schedule.end**fallen, np.float32)
