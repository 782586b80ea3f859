"""Capture, infer, show: the loop over frames, while one thread reads ahead and another draws and encodes."""

import queue
import threading
from collections.abc import Callable, Iterator

from drc_runtime.errors import EngineError
from drc_runtime.extractor import Extraction
from drc_runtime.video.frame import Frame, Source

FRAMES_AHEAD = 2
MOST_ERRORS = 10
"""So many frames in a row on which the network fails end a live run."""

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
    """Frames for the loop: live sources and pictures have their own way, videos are read ahead."""
    return iter(source) if source.live or source.rate is None else read_ahead(source)


def tolerant(extract: Extract, failures: list[str]) -> Callable[[Frame], Extraction | None]:
    """Lets a live run survive a frame on which the network fails: None then, and a line in ``failures``.

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
                failures.append(f"frame {frame.index}: {error}")
            return None
        in_a_row = 0
        return extraction

    return attempt


FAILURES_KEPT = 100
