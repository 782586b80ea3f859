"""The number of threads is bounded wherever a backend is loaded."""

from pathlib import Path

import pytest

from drc_runtime import machine
from drc_runtime.bench import bench
from drc_runtime.errors import UsageError
from drc_runtime.inference.extractor import Extractor
from drc_runtime.machine import check_threads
from drc_runtime.pipeline.options import ModelOptions


def test_four_threads_for_each_core_are_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_cores", lambda: 2)
    for threads in (None, 1, 8):
        check_threads(threads)
    for threads in (0, -1, 9, 5000):
        with pytest.raises(UsageError, match=rf"--threads {threads}: use 1 to 8, which is 4 for each usable core"):
            check_threads(threads)


def test_thousands_of_threads_are_refused_before_one_is_started(toy_bundle: Path) -> None:
    for start in (
        lambda: ModelOptions(threads=5000),
        lambda: Extractor(toy_bundle, threads=5000),
        lambda: bench(toy_bundle, frames=1, threads=5000),
    ):
        with pytest.raises(UsageError, match="--threads 5000: use 1 to"):
            start()
