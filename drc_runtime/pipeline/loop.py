"""The loop over frames: one thread reads ahead, this one extracts, another one draws and encodes."""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from drc_runtime.frames import Frame, Sink, Source
from drc_runtime.pipeline.options import Progress
from drc_runtime.views.controls import Controls

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction
    from drc_runtime.sinks.window import WindowSink

FRAMES_AHEAD = 2
SILENT_SECONDS = 0.3
"""Without a frame for this long, the window is served in between."""
PAUSE_SECONDS = 0.05
"""How often a paused run without a window looks at the controls."""


def process(
    source: Source,
    extract: "Callable[[Frame], Extraction | None]",
    output: Sink,
    controls: Controls,
    *,
    window: "WindowSink | None" = None,
    progress: Progress | None = None,
    keep_time: bool = False,
    ahead: Callable[[Iterator[Frame]], Iterator[Frame]] | None = None,
) -> bool:
    """Extracts and writes frames until the source ends, the window is closed or Ctrl-C is pressed.

    Args:
        source: where the frames come from.
        extract: gives the foreground of a frame, or None for a frame to leave out.
        output: gets every frame that has a foreground.
        controls: hold the run while they say ``paused``.
        window: shows every frame, in this thread.
        progress: called after each frame with the number of frames done, skipped ones included, and their total.
        keep_time: frames of a file come no faster than its own rate.
        ahead: passes frames on and begins to extract those that follow, see ``FrameExtractor.ahead``.

    Returns:
        Whether Ctrl-C ended it; what is finished is kept.
    """
    frames = paced(frames_of(source)) if keep_time else frames_of(source)
    if window is not None:
        frames = served(frames, window)
    done = 0
    try:
        with closing(frames):
            for frame in frames if ahead is None else ahead(frames):
                paused = wait_while_paused(controls, window)
                if window is not None and window.closed:
                    break
                if paused and source.live:
                    continue  # this frame was captured before the pause
                extraction = extract(frame)
                if extraction is None:
                    continue
                output.write(frame, extraction)
                done += 1
                if progress is not None:
                    progress(done + source.skipped, source.count)
                if window is not None:
                    window.write(frame, extraction)
                    if window.closed:
                        break
    except KeyboardInterrupt:
        return True
    return False


def frames_of(source: Source) -> Generator[Frame, None, None]:
    """The frames of ``source``: a video is read ahead, a live source and images are read when they are asked for."""
    if source.live or source.is_still:
        yield from source
    else:
        yield from read_ahead(source)


def read_ahead(source: Source) -> Generator[Frame, None, None]:
    """The frames of ``source``, read by a thread that is at most ``FRAMES_AHEAD`` frames ahead; no frame is dropped.

    An error of the source is raised here after the frames before it.
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


def served(frames: Generator[Frame, None, None], window: "WindowSink") -> Generator[Frame, None, None]:
    """Yields ``frames``, which another thread waits for: the window is served while none comes, and its end ends them.

    An error of the source is raised here after the frames before it.
    """
    found: queue.SimpleQueue[Frame | BaseException | None] = queue.SimpleQueue()
    asked, stopped = threading.Semaphore(0), threading.Event()

    def wait() -> None:
        while asked.acquire() and not stopped.is_set():
            try:
                found.put(next(frames, None))
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                found.put(error)
        frames.close()

    # It may wait for as long as the source is open, which is closed after this.
    threading.Thread(target=wait, name="drc-next-frame", daemon=True).start()
    try:
        while True:
            asked.release()
            while True:
                try:
                    item = found.get(timeout=SILENT_SECONDS)
                    break
                except queue.Empty:
                    window.idle()
                    if window.closed:
                        return
            if isinstance(item, BaseException):
                raise item
            if item is None:
                return
            yield item
    finally:
        stopped.set()
        asked.release()


def paced(frames: Iterator[Frame]) -> Generator[Frame, None, None]:
    """Yields the frames of a file at the file's own rate, for viewers."""
    due, last = time.monotonic(), 0.0
    for frame in frames:
        # The time of a slow frame or of a pause is not caught up.
        due = max(due + frame.seconds - last, time.monotonic())
        last = frame.seconds
        time.sleep(max(0.0, due - time.monotonic()))
        yield frame


def wait_while_paused(controls: Controls, window: "WindowSink | None") -> bool:
    """Waits while the controls say ``paused`` and the window is open; returns whether it waited."""
    if not controls.settings.paused:
        return False
    while controls.settings.paused and not (window is not None and window.closed):
        if window is not None:
            window.idle()
        else:
            time.sleep(PAUSE_SECONDS)
    return True
