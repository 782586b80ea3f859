"""A video as the background: a thread decodes it, at its own speed and in a loop."""

import queue
import threading
from pathlib import Path

from drc_runtime.errors import SourceError
from drc_runtime.images import Image
from drc_runtime.sources.files import VideoSource

FRAMES_AHEAD = 8
"""Frames decoded in advance, so that the restart of the video causes no delay."""
LONGEST_GAP = 0.5
"""Largest step of the video's time between two frames, in seconds: after a camera was lost the video does not jump."""

END_SECONDS = 5.0
ROUNDING = 1e-6  # tolerance in seconds for sums of frame times


class VideoBackground:
    """Gives the background image for the time of a frame.

    Args:
        path: the video.

    Raises:
        SourceError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._source = VideoSource(path)
        self._ahead: queue.Queue[tuple[float, Image] | BaseException] = queue.Queue(FRAMES_AHEAD)
        self._error: BaseException | None = None
        self._closed = threading.Event()
        self._clock, self._last = 0.0, 0.0
        self._shown: Image | None = None
        self._next: tuple[float, Image] | None = None
        self._reader = threading.Thread(target=self._read, name="drc-background", daemon=True)
        self._reader.start()

    def at(self, seconds: float) -> Image:
        """Returns ``(H, W, 3)`` uint8 RGB for a frame at ``seconds``. The video never goes back: an earlier time changes nothing.

        Not thread-safe.

        Raises:
            SourceError: no frame can be decoded.
        """
        if seconds > self._last:
            self._clock += min(seconds - self._last, LONGEST_GAP)
            self._last = seconds
        while self._shown is None or self._following()[0] <= self._clock + ROUNDING:
            self._shown = self._following()[1]
            self._next = None
        return self._shown

    def close(self) -> None:
        """Ends the thread and the decoder."""
        self._closed.set()
        self._reader.join(END_SECONDS)
        self._source.close()

    def _following(self) -> tuple[float, Image]:
        if self._error is not None:
            raise self._error
        if self._next is None:
            item = self._ahead.get()
            if isinstance(item, BaseException):
                self._error = item
                raise item
            self._next = item
        return self._next

    def _read(self) -> None:
        begun = 0.0
        try:
            while not self._closed.is_set():
                begun = self._play(begun)
                self._source.close()
                if not self._closed.is_set():
                    self._source = VideoSource(self._path)
        except BaseException as error:  # noqa: BLE001 - raised again for those who wait
            self._put(error)

    def _play(self, begun: float) -> float:
        """Queues all frames of the video, whose time 0 is ``begun``; returns the time at which it restarts."""
        assert self._source.rate is not None
        ending = begun
        try:
            for frame in self._source:
                self._put((begun + frame.seconds, frame.image))
                ending = begun + frame.seconds + float(1 / self._source.rate)
                if self._closed.is_set():
                    break
        except SourceError:
            if ending == begun:
                raise  # else it is damaged later on: the good part is repeated
        return ending

    def _put(self, item: tuple[float, Image] | BaseException) -> None:
        while not self._closed.is_set():
            try:
                self._ahead.put(item, timeout=0.1)
                return
            except queue.Full:
                continue
