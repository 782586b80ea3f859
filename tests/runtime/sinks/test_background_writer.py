"""The writing thread: nothing is lost or reordered, and an error comes out instead of hanging the run."""

import queue
import threading
import time

import numpy as np
import pytest

from drc_runtime.errors import OutputError
from drc_runtime.frames import Frame, Sink
from drc_runtime.sinks.background_writer import FRAMES_WAITING, BackgroundWriter

FRAMES = [Frame(np.zeros((1, 1, 3), np.uint8), index, 0.0, str(index)) for index in range(40)]


class Recorder(Sink):
    def __init__(self, *, fail_at: int | None = None, fail_on_close: bool = False, delay: float = 0.0) -> None:
        self.seen: list[int] = []
        self.ending = ""
        self.threads: set[int] = set()
        self.fail_at, self.fail_on_close, self.delay = fail_at, fail_on_close, delay

    def write(self, frame: Frame, extraction: object) -> None:
        time.sleep(self.delay)
        if frame.index == self.fail_at:
            raise OutputError("disk full")
        self.threads.add(threading.get_ident())
        self.seen.append(frame.index)

    def close(self) -> None:
        if self.fail_on_close:
            raise OutputError("not complete")
        self.ending = self.ending or "closed"

    def discard(self) -> None:
        self.ending = self.ending or "discarded"


def test_every_frame_reaches_every_sink_in_order_in_another_thread() -> None:
    sinks = [Recorder(delay=0.001), Recorder()]
    with BackgroundWriter(sinks) as writer:
        for frame in FRAMES:
            writer.write(frame, None)
    for sink in sinks:
        assert sink.seen == list(range(40)) and sink.ending == "closed"
        assert threading.get_ident() not in sink.threads


def test_a_full_queue_holds_the_caller_back() -> None:
    sink = Recorder(delay=0.01)
    with BackgroundWriter([sink]) as writer:
        for frame in FRAMES[:20]:
            writer.write(frame, None)
            assert frame.index - len(sink.seen) <= FRAMES_WAITING + 1
    assert len(sink.seen) == 20


@pytest.mark.parametrize("fail_at", [0, 20, 39])
def test_an_error_comes_out_and_nothing_is_kept(fail_at: int) -> None:
    sinks = [Recorder(), Recorder(fail_at=fail_at)]
    with pytest.raises(OutputError, match="disk full"), BackgroundWriter(sinks) as writer:
        for frame in FRAMES:
            writer.write(frame, None)
    assert [sink.ending for sink in sinks] == ["discarded", "discarded"]
    assert sinks[1].seen == list(range(fail_at))


def test_an_error_of_the_caller_discards() -> None:
    sink = Recorder()
    with pytest.raises(ZeroDivisionError), BackgroundWriter([sink]) as writer:
        writer.write(FRAMES[0], None)
        raise ZeroDivisionError
    assert sink.ending == "discarded"


def test_a_sink_that_cannot_close_takes_those_after_it_along() -> None:
    sinks = [Recorder(), Recorder(fail_on_close=True), Recorder()]
    with pytest.raises(OutputError, match="not complete"), BackgroundWriter(sinks) as writer:
        writer.write(FRAMES[0], None)
    assert [sink.ending for sink in sinks] == ["closed", "discarded", "discarded"]


class Interrupted(queue.Queue):
    """The first message that ends the thread does not reach it, as if Ctrl-C had left a waiter that is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0

    def put_nowait(self, item: object) -> None:
        if self.lost:
            super().put_nowait(item)
        self.lost += 1


def test_a_wake_up_that_an_interrupt_has_swallowed_does_not_hang_the_end() -> None:
    sink, waiting = Recorder(), Interrupted()
    writer = BackgroundWriter([sink], waiting=waiting)
    closing = threading.Thread(target=writer.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive() and sink.ending == "closed" and waiting.lost > 1


def test_what_fails_while_results_are_given_up_does_not_hide_the_reason() -> None:
    class Unclosable(Recorder):
        def discard(self) -> None:
            raise EOFError("the encoder is flushed twice")

    last = Recorder()
    with pytest.raises(OutputError, match="not complete"), BackgroundWriter([Unclosable(fail_on_close=True), last]):
        pass
    assert last.ending == "discarded"
