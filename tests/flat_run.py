"""``run`` with all its options side by side, as a command line has them."""

from dataclasses import fields
from typing import Any

from drc_runtime.pipeline.options import Callbacks, LearnOptions, ModelOptions, OutputOptions, WatchOptions
from drc_runtime.pipeline.report import RunReport
from drc_runtime.pipeline.run import run

GROUPS = {"model": ModelOptions, "outputs": OutputOptions, "watch": WatchOptions, "callbacks": Callbacks}


def run_with(source: object, *, learn: LearnOptions | None = None, raw: str | None = None, **options: Any) -> RunReport:
    """Runs without a window and on one core, unless ``display`` and ``threads`` say otherwise."""
    options = {"display": False, "threads": 1} | options
    groups = {}
    for name, kind in GROUPS.items():
        mine = options.keys() & {field.name for field in fields(kind)}
        groups[name] = kind(**{option: options.pop(option) for option in mine})
    assert not options, f"no such options: {options}"
    return run(str(source), learn=learn, raw=raw, **groups)
