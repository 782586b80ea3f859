"""The loop: reading ahead loses nothing and passes errors on, and everything that ends a run ends it in order."""

import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from drc_runtime.errors import SourceError
from drc_runtime.frames import Frame, Sink, Source
from drc_runtime.pipeline.loop import FRAMES_AHEAD, paced, process, read_ahead
from drc_runtime.views.controls import Controls


def frame(index: int) -> Frame:
    return Frame(np.zeros((1, 1, 3), np.uint8), index, 0.0, f"{index:05d}")


class Counted(Source):
    """``count`` frames of a video, or images if ``rate`` is None."""

    live, dropped = False, 0

    def __init__(self, count: int, *, rate: int | None = 25, live: bool = False) -> None:
        self.count, self.live, self.rate = count, live, None if rate is None else Fraction(rate)
        self.paths: frozenset[Path] = frozenset()
        self.failures: list[str] = []

    def __iter__(self) -> Iterator[Frame]:
        yield from map(frame, range(self.count or 0))

    def close(self) -> None:
        pass


class Written(Sink):
    def __init__(self) -> None:
        self.seen: list[int] = []

    def write(self, frame: Frame, extraction: object) -> None:
        self.seen.append(frame.index)


@pytest.mark.parametrize("rate", [25, None], ids=["video", "folder"])
def test_what_has_a_foreground_is_written_and_counted(rate: int | None) -> None:
    output, done, source = Written(), [], Counted(6, rate=rate)
    source.skipped = 10
    interrupted = process(
        source,
        lambda it: None if it.index in (1, 4) else "extraction",
        output,
        Controls(),
        progress=lambda frames, total: done.append((frames, total)),
    )
    assert not interrupted and output.seen == [0, 2, 3, 5] and done == [(11, 6), (12, 6), (13, 6), (14, 6)]


def test_ctrl_c_ends_it_with_what_is_written() -> None:
    def press(done: int, total: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    output = Written()
    assert process(Counted(9), lambda it: "extraction", output, Controls(), progress=press)
    assert output.seen == [0, 1, 2]


def test_a_closed_window_ends_it() -> None:
    output, window = Written(), SimpleNamespace(closed=False)

    def show(it: Frame, extraction: object) -> None:
        window.closed = it.index == 2

    window.write = show
    assert not process(Counted(9), lambda it: "extraction", output, Controls(), window=window)
    assert output.seen == [0, 1, 2]


@pytest.mark.parametrize("live", [True, False])
def test_a_pause_holds_a_file_and_lets_a_camera_go_on_without_what_is_old(live: bool) -> None:
    output, controls = Written(), Controls()
    idle = []

    class Window:
        closed = False

        def idle(self) -> None:
            idle.append(list(output.seen))
            if len(idle) == 3:
                controls.change(paused=False)

        def write(self, it: Frame, extraction: object) -> None:
            if it.index == 1:
                controls.change(paused=True)

    process(Counted(5, live=live), lambda it: "extraction", output, controls, window=Window())
    assert idle == [[0, 1]] * 3
    assert output.seen == ([0, 1, 3, 4] if live else [0, 1, 2, 3, 4])  # a camera's frame is from before the pause


@pytest.mark.parametrize("live", [True, False])
def test_a_window_that_is_closed_during_a_pause_ends_the_run(live: bool) -> None:
    output, controls = Written(), Controls()

    class Window:
        closed = False

        def idle(self) -> None:
            self.closed = True

        def write(self, it: Frame, extraction: object) -> None:
            controls.change(paused=it.index == 1)

    assert not process(Counted(10**9, live=live), lambda it: "extraction", output, controls, window=Window())
    assert output.seen == [0, 1]


def test_a_window_can_be_closed_while_no_frame_comes() -> None:
    """A camera that is lost sends none until it is back."""
    output, closed = Written(), threading.Event()

    class Lost(Counted):
        def __iter__(self) -> Iterator[Frame]:
            yield frame(0)
            closed.wait()

    class Window:
        closed, served = False, 0

        def idle(self) -> None:
            self.served += 1
            self.closed = self.served == 2

        def write(self, it: Frame, extraction: object) -> None:
            pass

    assert not process(Lost(2, live=True), lambda it: "extraction", output, Controls(), window=Window())
    assert output.seen == [0]
    waiting = next(thread for thread in threading.enumerate() if thread.name == "drc-next-frame")
    closed.set()  # as closing the source does
    waiting.join(30)
    assert not waiting.is_alive()


def test_an_error_of_the_source_reaches_a_run_with_a_window() -> None:
    class Damaged(Counted):
        def __iter__(self) -> Iterator[Frame]:
            yield from map(frame, range(2))
            raise SourceError("damaged")

    output, window = Written(), SimpleNamespace(closed=False, write=lambda *_: None)
    with pytest.raises(SourceError, match="damaged"):
        process(Damaged(9), lambda it: "extraction", output, Controls(), window=window)
    assert output.seen == [0, 1]


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
    for index in range(20):
        assert next(frames).index == index
        assert len(taken) <= index + 1 + FRAMES_AHEAD + 2  # the queue, one that waits for it, one that is handed over
    reader = next(thread for thread in threading.enumerate() if thread.name == "drc-read-ahead")
    frames.close()
    reader.join(30)
    assert not reader.is_alive() and len(taken) < 1000


def test_frames_are_paced_by_their_own_times_and_do_not_race_after_a_pause(monkeypatch) -> None:
    now = [100.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr("drc_runtime.pipeline.loop.time", clock)
    times = []
    image = np.zeros((1, 1, 3), np.uint8)
    for it in paced(Frame(image, index, at, "") for index, at in enumerate((0.0, 0.04, 0.3, 0.34, 0.38))):
        times.append(round(now[0] - 100, 6))
        if it.index == 2:
            now[0] += 5
    assert times == [0.0, 0.04, 0.3, 5.3, 5.34]
