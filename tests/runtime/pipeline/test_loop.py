"""The loop's parts: reading ahead loses nothing and passes errors on, a failing network is tolerated for a while."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from drc_runtime.errors import EngineError, SourceError
from drc_runtime.frames import Frame
from drc_runtime.pipeline.loop import (
    FAILURES_KEPT,
    FRAMES_AHEAD,
    MOST_ERRORS,
    chosen_with_a_frame,
    read_ahead,
    tolerant,
)


def frame(index: int) -> Frame:
    return Frame(np.zeros((1, 1, 3), np.uint8), index, 0.0, f"{index:05d}")


def test_frames_come_in_order_and_their_source_s_error_after_them() -> None:
    def source() -> Iterator[Frame]:
        yield from map(frame, range(5))
        raise SourceError("damaged")

    seen = []
    with pytest.raises(SourceError, match="damaged"):
        for it in read_ahead(source()):
            seen.append(it.index)
    assert seen == list(range(5))


def test_a_slow_reader_holds_the_source_back_and_leaving_ends_the_thread() -> None:
    taken: list[int] = []

    def source() -> Iterator[Frame]:
        for index in range(1000):
            taken.append(index)
            yield frame(index)

    frames = read_ahead(source())
    assert next(frames).index == 0
    time.sleep(0.2)
    assert len(taken) <= FRAMES_AHEAD + 3
    frames.close()
    end = time.monotonic() + 5
    while any(thread.name == "drc-read-ahead" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.02)


def failing(numbers: set[int]):
    def extract(it: Frame) -> int:
        if it.index in numbers:
            raise EngineError("not finite")
        return it.index

    return extract


def test_single_failures_are_listed_and_the_rest_goes_on() -> None:
    failures: list[str] = []
    attempt = tolerant(failing({1, 3, 4}), failures)
    assert [attempt(frame(index)) for index in range(6)] == [0, None, 2, None, None, 5]
    assert failures == [f"{index:05d}: not finite" for index in (1, 3, 4)]


def test_failures_in_a_row_end_the_run() -> None:
    failures: list[str] = []
    attempt = tolerant(failing(set(range(100))), failures)
    for index in range(MOST_ERRORS - 1):
        assert attempt(frame(index)) is None
    with pytest.raises(EngineError):
        attempt(frame(MOST_ERRORS))


def test_the_list_of_failures_ends_somewhere() -> None:
    failures: list[str] = []
    attempt = tolerant(failing(set(range(0, 10_000, 2))), failures)
    for index in range(1000):
        attempt(frame(index))
    assert len(failures) == FAILURES_KEPT


def test_the_choice_is_made_again_until_it_works_and_then_kept() -> None:
    asked: list[int] = []

    def choose(it: Frame):
        asked.append(it.index)
        if it.index < 2:
            raise EngineError("not finite")
        return lambda other: (it.index, other.index)

    attempt = tolerant(chosen_with_a_frame(choose), [])
    assert [attempt(frame(index)) for index in range(5)] == [None, None, (2, 2), (2, 3), (2, 4)]
    assert asked == [0, 1, 2]
