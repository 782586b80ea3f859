"""Writes in a second thread, so that encoding overlaps with the network."""

import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from drc_runtime.frames import Frame, Sink

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction

FRAMES_WAITING = 4
FINISH_SECONDS = 0.2


class BackgroundWriter(Sink):
    """Passes frames to other sinks through a short queue. A full queue blocks the caller; no frame is dropped.

    An error of a sink is raised again by the next ``write`` or by ``close``, and the sinks that are still open are discarded.

    Args:
        sinks: get every frame, in this order.
        waiting: the queue; None makes one for ``FRAMES_WAITING`` frames.
    """

    def __init__(
        self, sinks: Sequence[Sink], *, waiting: "queue.Queue[tuple[Frame, Extraction] | None] | None" = None
    ) -> None:
        self._sinks = sinks
        self._queue = queue.Queue(FRAMES_WAITING) if waiting is None else waiting
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
            # What fails while a result is given up must not hide why it was given up.
            with suppress(Exception):
                sink.discard()

    def _finish(self) -> None:
        # Repeated, because the thread can miss a wake-up: Ctrl-C within an earlier put can leave a waiter in the queue's
        # condition that is gone and takes the next notification.
        while self._thread.is_alive():
            try:
                self._queue.put_nowait(None)
            except queue.Full:
                pass
            self._thread.join(FINISH_SECONDS)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            # After an error the queue is still emptied, so that the caller does not block in put.
            if self._error is None:
                try:
                    for sink in self._sinks:
                        sink.write(*item)
                except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                    self._error = error
