"""Decodes videos and cameras in a worker process, whose program is ``decoder_worker.py``."""

import json
import math
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from io import BufferedReader
from pathlib import Path
from typing import cast

import numpy as np

from drc_runtime.errors import SourceError
from drc_runtime.images import Image
from drc_runtime.sources.decoder_worker import FRAME
from drc_runtime.sources.watchdog import Watchdog

PROGRAM = Path(__file__).with_name("decoder_worker.py")
PIPE_BYTES = 1 << 20  # the largest pipe that Linux allows; its default of 64 KiB halves the throughput
UNSTATED_RATE = Fraction(25)
OPENING_SECONDS = 15.0
"""Time limit for the first frame of a live source; longer than the worker's network timeout."""


class Decoder:
    """A running worker process. It waits whenever the pipe is full, so it decodes no faster than its frames are read.

    Args:
        kind: ``camera``, ``file`` or ``stream``.
        target: number, path or address.
        name: what error messages call it.
        refusal: the error message if there is no first frame.
        patience: for live sources, the seconds without a frame after which the worker is killed; None: no limit.
        spawned: called with this decoder before the wait for the first frame, so that another thread can interrupt it.

    Attributes:
        rate: frames a second, exact; 25 if the container states none.
        count: number of frames that the container states, or None.

    Raises:
        SourceError: there is no first frame.
    """

    def __init__(
        self,
        kind: str,
        target: str,
        *,
        name: str,
        refusal: str,
        patience: float | None = None,
        spawned: Callable[["Decoder"], None] | None = None,
    ) -> None:
        self.name, self._patience = name, patience
        # -P: the files beside the program must not shadow the modules that it imports. A process group of its own:
        # Ctrl-C goes to this process only, which then ends the run in order.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM), kind, target],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=PIPE_BYTES,
            start_new_session=True,
        )
        self._pipe = cast(BufferedReader, self._process.stdout)
        self._watchdog = Watchdog(self._process.kill) if patience is not None else None
        try:
            if spawned is not None:
                spawned(self)
            with self._limit(OPENING_SECONDS):
                line = self._pipe.readline()
            if not line.endswith(b"\n"):
                ending = self._ending()
                raise SourceError(refusal if ending is None else f"{refusal} (the decoder {ending})")
            header = json.loads(line)
        except BaseException:
            self.close()
            raise
        self.rate = exact_rate(header["rate"])
        count = header["count"]
        self.count = round(count) if math.isfinite(count) and 1 <= count < 1e9 else None

    def frames(self) -> Iterator[tuple[int, float, Image]]:
        """Yields position, presentation time in seconds and ``(H, W, 3)`` uint8 RGB for every frame, in order.

        A missing position is a frame that could not be decoded.

        Raises:
            SourceError: the worker died; the message says after how many frames.
        """
        header = bytearray(FRAME.size)
        done = 0
        while self._fill(header):
            position, height, width, seconds = FRAME.unpack(header)
            if height == 0:
                return
            image = np.empty((height, width, 3), np.uint8)
            if not self._fill(image.data):
                break
            yield position, seconds, image
            done += 1
        if self._watchdog is not None and self._watchdog.barked:
            raise SourceError(f"{self.name} sent nothing for {self._patience:g} s")
        raise SourceError(
            f"{self.name} is damaged: the decoder {self._ending() or 'stopped'} after {done} frames; "
            "repair or convert it first, for example with ffmpeg"
        )

    def close(self) -> None:
        """Kills the worker."""
        if self._watchdog is not None:
            self._watchdog.close()
        self._process.kill()
        self._process.wait()
        self._pipe.close()

    def interrupt(self) -> None:
        """Kills the worker while another thread reads from it; that thread sees the end of the pipe."""
        self._process.kill()

    def _fill(self, buffer: bytearray | memoryview) -> bool:
        with self._limit(self._patience):
            return self._pipe.readinto(buffer) == memoryview(buffer).nbytes

    def _limit(self, seconds: float | None) -> AbstractContextManager[None]:
        return self._watchdog.within(seconds) if self._watchdog is not None and seconds is not None else nullcontext()

    def _ending(self) -> str | None:
        """The signal that killed the worker, in words, or None if it ended by itself."""
        code = self._process.wait()
        return f"crashed with {signal.Signals(-code).name}" if code < 0 else None


def exact_rate(stated: float) -> Fraction:
    """The exact fraction for a container's rounded frame rate: 29.97 is 30000/1001."""
    if not (math.isfinite(stated) and 0.01 <= stated <= 1000):
        return UNSTATED_RATE
    whole = max(1, round(stated))
    broadcast = Fraction(1000 * max(1, round(stated * 1.001)), 1001)
    nearest = min((Fraction(whole), broadcast), key=lambda rate: abs(rate - Fraction(stated)))
    return nearest if abs(float(nearest) - stated) < 0.005 else Fraction(stated).limit_denominator(1001)
