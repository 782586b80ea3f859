"""Live sources: cameras and network streams. They keep only the latest frame and reconnect until they are closed."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from drc_runtime.errors import SourceError
from drc_runtime.frames import Frame, Source
from drc_runtime.plain_text import without_secrets
from drc_runtime.sources.backoff import Backoff
from drc_runtime.sources.decoder import Decoder

STALL_SECONDS = 4.5
"""A live source is lost after this time without a frame; with the watchdog's delay this is under 5 seconds."""
WELL_SECONDS = 5.0
"""A connection that lasted longer resets the backoff."""

Notice = Callable[[str], None]
Connect = Callable[[Callable[[Decoder], None]], Decoder]
"""Opens a decoder; passes it to its argument before the first frame, so that ``interrupt`` can end the wait."""


class LiveSource(Source):
    """A camera or a stream. A thread reads all frames and keeps the latest one.

    When a decoder ends, crashes or stalls, a new one is opened, after waits that grow from 0.5 to 30 seconds. Until then the
    source yields no frames.

    Args:
        connect: opens a decoder.
        notice: called with one line, from any thread, when the source is lost and when it is back.

    Attributes:
        state: ``connecting``, ``live`` or ``lost``.
        reconnects: how often a new decoder was opened.

    Raises:
        SourceError: the first attempt to open it failed.
    """

    count = None
    live = True

    def __init__(self, connect: Connect, *, notice: Notice | None = None) -> None:
        self.paths: frozenset[Path] = frozenset()
        self.failures: list[str] = []
        self.dropped = self.reconnects = 0
        self.state = "connecting"
        self._connect, self._notice = connect, notice
        self._changed = threading.Condition()
        self._slot: Frame | None = None
        self._index = 0
        self._closed = threading.Event()
        self._held: Decoder | None = None
        self._decoder = connect(self._hold)
        self.rate, self.format = self._decoder.rate, self._decoder.format
        self._error: BaseException | None = None
        self._start = time.monotonic()
        self._reader = threading.Thread(target=self._receive, name="drc-camera", daemon=True)

    def __iter__(self) -> Iterator[Frame]:
        if self._reader.ident is None:  # else: a second loop, after learning, continues with the same thread
            self._reader.start()
        while (frame := self._next()) is not None:
            yield frame

    def close(self) -> None:
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
            held = self._held
        if held is not None:
            held.interrupt()
        if self._reader.is_alive():
            self._reader.join()
        self._decoder.close()

    def _hold(self, decoder: Decoder) -> None:
        with self._changed:
            self._held = decoder
        if self._closed.is_set():
            decoder.interrupt()

    def _next(self) -> Frame | None:
        with self._changed:
            while self._slot is None and self._error is None and not self._closed.is_set():
                self._changed.wait(
                    0.5
                )  # with a timeout, because on some systems Ctrl-C does not interrupt a wait without one
            if self._error is not None:
                raise self._error
            frame, self._slot = self._slot, None
            return frame

    def _receive(self) -> None:
        try:
            self._receive_until_closed()
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread, which waits for frames
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _receive_until_closed(self) -> None:
        backoff = Backoff()
        while not self._closed.is_set():
            begun = time.monotonic()
            ending = self._drain()
            if time.monotonic() - begun > WELL_SECONDS:
                backoff.reset()
            if not self._closed.is_set():
                self._reopen(backoff, ending)

    def _drain(self) -> str:
        """Stores frames until the decoder ends; returns the reason."""
        try:
            for _, _, image in self._decoder.frames():
                now = time.monotonic()
                frame = Frame(image, self._index, now - self._start, f"{self._index:05d}", now)
                self._index += 1
                with self._changed:
                    self.state = "live"
                    self.dropped += self._slot is not None
                    self._slot = frame
                    self._changed.notify()
        except SourceError as error:
            return str(error)
        return "stopped sending frames"

    def _reopen(self, backoff: Backoff, ending: str) -> None:
        self.state = "lost"
        self._decoder.close()
        self._say(f"{self._decoder.name} is lost ({ending}); trying to open it again")
        while not self._closed.wait(backoff.next()):
            self.state = "connecting"
            try:
                self._decoder = self._connect(self._hold)
            except SourceError:
                self.state = "lost"
                continue
            self.reconnects += 1
            if not self._closed.is_set():
                self._say(f"{self._decoder.name} is back")
            return

    def _say(self, line: str) -> None:
        if self._notice is not None:
            self._notice(line)


def open_camera(number: int, notice: Notice | None = None) -> LiveSource:
    """Opens the camera with this number.

    Raises:
        SourceError: the camera does not exist, or another program uses it.
    """
    refusal = f"no camera {number} can be opened; connect one or close the program that uses it, or try: drc run sample"

    def connect(spawned: Callable[[Decoder], None]) -> Decoder:
        return Decoder(
            "camera", str(number), name=f"camera {number}", refusal=refusal, patience=STALL_SECONDS, spawned=spawned
        )

    return LiveSource(connect, notice=notice)


def open_stream(address: str, notice: Notice | None = None) -> LiveSource:
    """Opens an ``rtsp://`` or ``http://`` stream.

    Raises:
        SourceError: no video at this address, or it is a recording, whose frames would be dropped.
    """
    name = without_secrets(address)
    refusal = f"no video comes from {name}; check the address and that this machine reaches it"

    def connect(spawned: Callable[[Decoder], None]) -> Decoder:
        decoder = Decoder("stream", address, name=name, refusal=refusal, patience=STALL_SECONDS, spawned=spawned)
        if decoder.recording:
            decoder.close()
            raise SourceError(f"{name} is a recording, not a live stream; download it and run the file")
        return decoder

    return LiveSource(connect, notice=notice)
