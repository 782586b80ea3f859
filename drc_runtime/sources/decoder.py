"""Decodes videos and cameras in a worker process, whose program is ``decoder_worker.py``."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from io import BufferedReader
from pathlib import Path
from typing import cast

import numpy as np

from drc_runtime.errors import SourceError
from drc_runtime.frames import VideoFormat
from drc_runtime.images import Image
from drc_runtime.sources.decoder_worker import FRAME
from drc_runtime.sources.watchdog import Watchdog

PROGRAM = Path(__file__).with_name("decoder_worker.py")
PIPE_BYTES = 1 << 20  # the largest pipe that Linux allows; its default of 64 KiB halves the throughput
UNSTATED_RATE = Fraction(25)
FILE_SECONDS = 120.0
"""Time limit for the next frame of a file."""
OPENING_SECONDS = {"camera": 15.0, "stream": 40.0, "file": FILE_SECONDS}
"""Time limit for the first frame. Some streams have a key frame, from which decoding can start, every 20 seconds only; without
any data the worker ends after 10 seconds."""
LONGEST_HEADER = 1 << 16
ENDING_SECONDS = 5.0
"""How long a worker that has closed the pipe may take to end."""
MOST_PIXELS = 1 << 28
"""A larger frame is taken for nonsense."""
PACKAGES = Path(__file__).parents[2]
"""The folder from which this package is imported; the worker imports it too."""


class Decoder:
    """A running worker process. It waits whenever the pipe is full, so it decodes no faster than its frames are read.

    Args:
        kind: ``camera``, ``file`` or ``stream``.
        target: number, path or address.
        name: what error messages call it.
        refusal: the error message if there is no first frame.
        patience: seconds without a frame after which the worker is killed.
        spawned: called with this decoder before the wait for the first frame, so that another thread can interrupt it.

    Attributes:
        rate: frames a second, exact; 25 if the container states none.
        count: number of frames that the container states or that follows from its duration, or None.
        recording: whether the source has a duration.
        format: how the frames are to be shown.
        passed: after ``frames`` has ended, how many frames the source had, undecodable ones included.
        missing: after ``frames`` has ended, the seconds of the announced duration that did not come.

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
        patience: float = FILE_SECONDS,
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
            env=worker_environment(),
        )
        self._pipe = cast(BufferedReader, self._process.stdout)
        self._watchdog = Watchdog(self._process.kill)
        self.passed, self.missing = 0, 0.0
        try:
            if spawned is not None:
                spawned(self)
            with self._watchdog.within(OPENING_SECONDS[kind]):
                line = self._pipe.readline(LONGEST_HEADER)
            if len(line) == LONGEST_HEADER:
                raise SourceError(f"{refusal} (the decoder sent nonsense)")
            if not line.endswith(b"\n"):
                ending = self._ending()
                raise SourceError(refusal if ending is None else f"{refusal} (the decoder {ending})")
            self._read_header(line, refusal)
        except BaseException:
            self.close()
            raise

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
                self.passed, self.missing = position, seconds
                return
            if not (0 < height * width <= MOST_PIXELS and math.isfinite(seconds)):
                raise SourceError(f"{self.name}: the decoder sent nonsense after {done} frames; convert the file first")
            try:
                image = np.empty((height, width, 3), np.uint8)
            except MemoryError as error:
                raise SourceError(f"{self.name}: not enough memory for a frame of {width}x{height} pixels") from error
            if not self._fill(image.data):
                break
            yield position, seconds, image
            done += 1
        if self._watchdog.barked:
            raise SourceError(f"{self.name} sent nothing for {self._patience:g} s")
        raise SourceError(
            f"{self.name} is damaged: the decoder {self._ending() or 'stopped'} after {done} frames; "
            "repair or convert it first, for example with ffmpeg"
        )

    def close(self) -> None:
        """Kills the worker."""
        self._watchdog.close()
        self._process.kill()
        self._process.wait()
        self._pipe.close()

    def interrupt(self) -> None:
        """Kills the worker while another thread reads from it; that thread sees the end of the pipe."""
        self._process.kill()

    def _fill(self, buffer: bytearray | memoryview) -> bool:
        with self._watchdog.within(self._patience):
            return self._pipe.readinto(buffer) == memoryview(buffer).nbytes

    def _read_header(self, line: bytes, refusal: str) -> None:
        try:
            header = json.loads(line)
            self.rate = exact_rate(float(header["rate"]))
            count = float(header["count"])
            self.recording = bool(header.get("recording"))
            self.format = VideoFormat.from_json(header.get("format", {}))
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
            raise SourceError(f"{refusal} (the decoder sent nonsense)") from error
        self.count = round(count) if math.isfinite(count) and 1 <= count < 1e9 else None

    def _ending(self) -> str | None:
        """The signal that killed the worker, in words, or None if it ended by itself or only closed the pipe."""
        try:
            code = self._process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        return f"crashed with {signal.Signals(-code).name}" if code < 0 else None


def worker_environment() -> dict[str, str]:
    """The environment of a worker process, which finds this package where this process did."""
    found = [os.environ.get("PYTHONPATH"), str(PACKAGES)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in found if path)}


def exact_rate(stated: float) -> Fraction:
    """The exact fraction for a container's rounded frame rate: 29.97 is 30000/1001."""
    if not (math.isfinite(stated) and 0.01 <= stated <= 1000):
        return UNSTATED_RATE
    whole = max(1, round(stated))
    broadcast = Fraction(1000 * max(1, round(stated * 1.001)), 1001)
    nearest = min((Fraction(whole), broadcast), key=lambda rate: abs(rate - Fraction(stated)))
    return nearest if abs(float(nearest) - stated) < 0.005 else Fraction(stated).limit_denominator(1001)
