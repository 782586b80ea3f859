"""How long each part of an iteration takes: ``drc train --profile``."""

from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from drc_runtime.atomic import atomic_path
from drc_train.learner.em import PARTS, Learner

WARM_UP, MEASURED = 2, 3
"""Iterations before the profile, and in it."""
OPERATORS = 12
"""Rows of the table of operators."""
TRACE_FILE = "profile-trace.json"


def profile_iterations(learner: Learner, out: Path) -> str:
    """Runs ``WARM_UP + MEASURED`` iterations and writes ``profile-trace.json`` (for Perfetto or chrome://tracing) into ``out``.

    Returns:
        A table: milliseconds of each part of an iteration, then the slowest operators.

    Raises:
        OutputError: the trace cannot be written.
    """
    for _ in range(WARM_UP):
        learner.step()
    gpu = learner.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    with profile(activities=activities) as recorded:
        for _ in range(MEASURED):
            with torch.profiler.record_function(PARTS[0]):
                learner.step()
            if gpu:
                torch.cuda.synchronize(learner.device)
    with atomic_path(out / TRACE_FILE) as path:
        recorded.export_chrome_trace(str(path))
    averages = recorded.key_averages()
    times = {it.key: (it.device_time_total if gpu else it.cpu_time_total) / 1000 / MEASURED for it in averages}
    whole = times.get(PARTS[0], 0.0) or 1.0
    lines = [
        f"{name:<20} {times[name]:10.1f} ms {times[name] / whole:7.1%}" for name in PARTS if times.get(name) is not None
    ]
    order = "self_device_time_total" if gpu else "self_cpu_time_total"
    return "\n".join([*lines, "", averages.table(sort_by=order, row_limit=OPERATORS, max_name_column_width=48)])
