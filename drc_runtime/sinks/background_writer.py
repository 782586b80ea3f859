"""Writes in a second thread, so that encoding overlaps with the network."""

import queue
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from drc_runtime.frames import Frame, Sink

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction

FRAMES_WAITING = 4
FINISH_SECONDS = 0.2


class BackgroundWriter(Sink):
    """Hands frames to other sinks through a short queue; a full queue holds the caller back, nothing is dropped.

    What a sink raises comes out of the next ``write`` or of ``close``, and the sinks that are still open are discarded.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks
        self._queue: queue.Queue[tuple[Frame, Extraction] | None] = queue.Queue(FRAMES_WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="drc-writer", daemon=True)
        self._thread.start()

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        if self._error is not None:
            raise self._error
        self._queue.put((frame, extraction))

    def close(self) -> None:
        try:
            self._finish()
            if self._error is not None:
                raise self._error
            for sink in self._sinks:
                sink.close()
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        self._finish()
        for sink in self._sinks:
            sink.discard()

    def _finish(self) -> None:
        # More than once: Ctrl-C within an earlier put can have left the queue's condition with a waiter that is gone,
        # which then takes the one wake-up that the thread needs.
        while self._thread.is_alive():
            try:
                self._queue.put_nowait(None)
            except queue.Full:
                pass
            self._thread.join(FINISH_SECONDS)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            # After an error the queue is still emptied, or the caller would wait for ever to add to it.
            if self._error is None:
                try:
                    for sink in self._sinks:
                        sink.write(*item)
                except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                    self._error = error
