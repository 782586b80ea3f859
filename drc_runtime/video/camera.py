"""Live sources: cameras and network streams. Only the latest frame matters; earlier ones are dropped and counted."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from drc_runtime.errors import SourceError
from drc_runtime.video.decoding import Decoder
from drc_runtime.video.frame import Frame, Source


class LiveSource(Source):
    """A camera or a stream: a thread empties the decoder all the time and leaves the latest frame in one slot.

    A source that stops by itself ends the iteration with a line in ``failures``, so that what was recorded is kept.
    """

    count = None
    live = True

    def __init__(self, decoder: Decoder) -> None:
        self.rate = decoder.rate
        self.paths: frozenset[Path] = frozenset()
        self.failures: list[str] = []
        self.dropped = 0
        self._decoder = decoder
        self._changed = threading.Condition()
        self._slot: Frame | None = None
        self._ended = False
        self._closed = False
        self._reader = threading.Thread(target=self._receive, name="drc-camera", daemon=True)

    def __iter__(self) -> Iterator[Frame]:
        self._reader.start()
        while (frame := self._next()) is not None:
            yield frame

    def close(self) -> None:
        with self._changed:
            self._closed = True
        self._decoder.interrupt()
        if self._reader.is_alive():
            self._reader.join()
        self._decoder.close()

    def _next(self) -> Frame | None:
        with self._changed:
            while self._slot is None and not self._ended:
                self._changed.wait(1.0)  # with a limit, because Ctrl-C does not get through an endless wait everywhere
            frame, self._slot = self._slot, None
            return frame

    def _receive(self) -> None:
        ending = f"{self._decoder.name} stopped sending frames; check its cable or connection and start again"
        start = time.monotonic()
        try:
            for index, _, picture in self._decoder.frames():
                frame = Frame(picture, index, time.monotonic() - start, f"{index:05d}")
                with self._changed:
                    self.dropped += self._slot is not None
                    self._slot = frame
                    self._changed.notify()
        except SourceError as error:
            ending = str(error)
        finally:
            with self._changed:
                if not self._closed:
                    self.failures.append(ending)
                self._ended = True
                self._changed.notify()


def open_camera(number: int) -> LiveSource:
    """Opens the camera that the operating system lists at ``number``.

    Raises:
        SourceError: there is none, or another program holds it.
    """
    refusal = f"no camera {number} can be opened; connect one or close the program that uses it, or try: drc run sample"
    return LiveSource(Decoder("camera", str(number), name=f"camera {number}", refusal=refusal))


def open_stream(address: str) -> LiveSource:
    """Opens an ``rtsp://`` or ``http://`` stream.

    Raises:
        SourceError: nothing that can be decoded answers there, or it is a recording, of which frames would be lost.
    """
    name = re.sub(r"//[^/@]*@", "//", address)  # a password does not belong into a message
    refusal = f"no video comes from {name}; check the address and that this machine reaches it"
    decoder = Decoder("stream", address, name=name, refusal=refusal)
    if decoder.count is not None:
        decoder.close()
        raise SourceError(f"{name} is a recording, not a live stream; download it and run the file")
    return LiveSource(decoder)
