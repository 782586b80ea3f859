"""Capture, infer, show: the loop over frames, while one thread reads ahead and another draws and encodes."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from drc_runtime.errors import EngineError
from drc_runtime.frames import Frame, Source
from drc_runtime.inference.extraction import Extraction
from drc_runtime.views.controls import Controls

if TYPE_CHECKING:
    from drc_runtime.sinks.window import WindowSink

FRAMES_AHEAD = 2
LOOK_SECONDS = 0.05
MOST_ERRORS = 10
"""So many frames in a row on which the network fails end a run."""
FAILURES_KEPT = 100
"""Lines in a report: a run may go on for weeks."""

Extract = Callable[[Frame], Extraction]


def read_ahead(source: Source) -> Iterator[Frame]:
    """The frames of ``source``, read by a thread that is at most ``FRAMES_AHEAD`` frames ahead; nothing is dropped.

    What the source raises comes out here, after the frames before it.
    """
    waiting: queue.Queue[Frame | BaseException | None] = queue.Queue(FRAMES_AHEAD)
    stopped = threading.Event()

    def put(item: Frame | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def read() -> None:
        try:
            for frame in source:
                put(frame)
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            put(error)

    threading.Thread(target=read, name="drc-read-ahead", daemon=True).start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()


def frames_of(source: Source) -> Iterator[Frame]:
    """Frames for the loop: live sources and images have their own way, videos are read ahead."""
    return iter(source) if source.live or source.rate is None else read_ahead(source)


def paced(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The frames of a file, each no sooner after the one before than its time says: for those who watch."""
    due, last = time.monotonic(), 0.0
    for frame in frames:
        due = max(
            due + frame.seconds - last, time.monotonic()
        )  # what took longer, or was paused, is not caught up with
        last = frame.seconds
        time.sleep(max(0.0, due - time.monotonic()))
        yield frame


def wait_while_paused(controls: Controls, window: "WindowSink | None") -> bool:
    """Waits as long as the controls say so and the window is not closed; returns whether there was a wait."""
    if not controls.settings.paused:
        return False
    while controls.settings.paused and not (window is not None and window.closed):
        if window is not None:
            window.idle()
        else:
            time.sleep(LOOK_SECONDS)
    return True


def chosen_with_a_frame(choose: Callable[[Frame], Extract]) -> Extract:
    """The extraction that ``choose`` makes of the first frame on which that works."""
    chosen: Extract | None = None

    def extract(frame: Frame) -> Extraction:
        nonlocal chosen
        if chosen is None:
            chosen = choose(frame)
        return chosen(frame)

    return extract


def tolerant(extract: Extract, failures: list[str]) -> Callable[[Frame], Extraction | None]:
    """Lets a live run or a folder survive a frame on which the network fails: None then, and a line in ``failures``.

    Raises:
        EngineError: ``MOST_ERRORS`` frames failed in a row.
    """
    in_a_row = 0

    def attempt(frame: Frame) -> Extraction | None:
        nonlocal in_a_row
        try:
            extraction = extract(frame)
        except EngineError as error:
            in_a_row += 1
            if in_a_row >= MOST_ERRORS:
                raise
            if len(failures) < FAILURES_KEPT:
                failures.append(f"{frame.name}: {error}")
            return None
        in_a_row = 0
        return extraction

    return attempt
