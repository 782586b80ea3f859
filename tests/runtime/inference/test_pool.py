"""Work on several Extractors: never two pieces on one, all of them used, and an error goes to who asked."""

import threading
from contextlib import closing

import pytest

from drc_runtime.inference.pool import ExtractorPool


def test_each_piece_of_work_has_an_extractor_alone_and_all_work_at_once() -> None:
    busy: set[str] = set()
    together = threading.Barrier(3, timeout=10)

    def work(extractor: str) -> str:
        assert extractor not in busy
        busy.add(extractor)
        together.wait()  # ends only where three pieces are at work
        busy.discard(extractor)
        return extractor

    with closing(ExtractorPool(["a", "b", "c"])) as pool:  # type: ignore[list-item]
        futures = [pool.submit(work) for _ in range(6)]
        found = [future.result() for future in futures]
    assert sorted(found[:3]) == ["a", "b", "c"] and pool.count == 3


def test_an_error_is_that_of_its_work_and_the_extractor_goes_on() -> None:
    with closing(ExtractorPool(["only"])) as pool:  # type: ignore[list-item]
        failing = pool.submit(lambda extractor: [][1])
        assert pool.submit(lambda extractor: extractor).result() == "only"
        with pytest.raises(IndexError):
            failing.result()
