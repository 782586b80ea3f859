"""Copies the sound of the source file into the video that is written; encodes it if the container cannot hold its codec."""

import subprocess
import sys
from fractions import Fraction
from io import BufferedReader
from pathlib import Path
from typing import Any, Self, cast

import av

from drc_runtime.sinks.audio_worker import LEAD_SECONDS, NO_AUDIO
from drc_runtime.sources.decoder import worker_environment
from drc_runtime.sources.timeline import shift_packet
from drc_runtime.sources.watchdog import Watchdog

PROGRAM = Path(__file__).with_name("audio_worker.py")
PIPE_BYTES = 1 << 16
PATIENCE_SECONDS = 120.0
"""Time limit for the worker's next packet."""
UNREADABLE = (av.FFmpegError, ValueError, TypeError, ArithmeticError)


class Sound:
    """All audio tracks of a file. A worker process reads them; ``mux_until`` writes them in step with the images."""

    def __init__(self, path: Path, worker: "subprocess.Popen[bytes]", watchdog: Watchdog, target: Any) -> None:
        self._path, self._worker, self._watchdog, self._target = path, worker, watchdog, target
        with watchdog.within(PATIENCE_SECONDS):
            self._source = av.open(f"pipe:{_pipe(worker).fileno()}", format="nut")
        self._streams = {}
        for track in self._source.streams.audio:
            stream = target.add_stream_from_template(track)
            stream.metadata.update({key: track.metadata[key] for key in ("language", "title") if key in track.metadata})
            stream.disposition = track.disposition
            self._streams[track.index] = stream
        if not self._streams:
            raise ValueError("no audio")
        self._packets = self._source.demux()
        self._waiting: Any = None
        self._seconds = 0.0
        self._ended = self._is_damaged = False
        self._holds_negative = "matroska" not in target.format.name and "webm" not in target.format.name

    @classmethod
    def open(cls, path: Path, target: Any, copied: set[str], failures: list[str]) -> Self | None:
        """Starts the worker; None if the file has no sound, or none that can be read.

        Args:
            path: the source file.
            target: the open PyAV container to write to, before its first packet.
            copied: names of the codecs that this container can hold; sound in another codec is encoded.
            failures: gets a line if there is sound that cannot be read. The video is then written without it.
        """
        encoder = "libopus" if "opus" in copied else "aac"
        worker = subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM), str(path.resolve()), encoder, *sorted(copied)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=PIPE_BYTES,
            start_new_session=True,
            env=worker_environment(),
        )
        watchdog = Watchdog(worker.kill)
        try:
            return cls(path, worker, watchdog, target)
        except (*UNREADABLE, OSError):
            if _exit_code(worker, watchdog) != NO_AUDIO:
                failures.append(f"the sound of {path} cannot be read; the video is written without it")
        _end(worker, watchdog)
        return None

    def mux_until(self, seconds: float) -> None:
        """Writes the packets that begin before ``seconds``."""
        while (packet := self._waiting or self._next()) is not None:
            self._waiting = None
            begins = float(packet.pts * packet.time_base)
            if begins > seconds:
                self._waiting = packet
                return
            self._seconds = max(self._seconds, begins)
            if begins < 0 and not self._holds_negative:
                continue
            packet.stream = self._streams[packet.stream.index]
            try:
                self._target.mux(packet)
            except UNREADABLE as error:
                if isinstance(error, OSError):  # the disk
                    raise
                self._ended = self._is_damaged = True
                return

    def close(self) -> list[str]:
        """Ends the worker. Sound after the last image is not written.

        Returns:
            A line if the sound is damaged.
        """
        ended = self._waiting is None and self._next() is None
        if ended and not self._is_damaged:
            with self._watchdog.within(PATIENCE_SECONDS):
                self._is_damaged = self._worker.wait() != 0
        self._source.close()
        _end(self._worker, self._watchdog)
        if not self._is_damaged:
            return []
        return [f"the audio of {self._path} is damaged: it ends after {self._seconds:.1f} s"]

    def _next(self) -> Any:
        """The next packet, at its time in the video; None at the end of the sound, and where the worker crashed."""
        while not self._ended:
            try:
                with self._watchdog.within(PATIENCE_SECONDS):
                    packet = next(self._packets, None)
                if packet is None:
                    self._ended = True
                elif packet.size and packet.pts is not None and packet.dts is not None:
                    shift_packet(packet, Fraction(-LEAD_SECONDS))
                    return packet
            except (*UNREADABLE, OSError):
                self._ended = self._is_damaged = True
        return None


def _pipe(worker: "subprocess.Popen[bytes]") -> BufferedReader:
    return cast(BufferedReader, worker.stdout)


def _exit_code(worker: "subprocess.Popen[bytes]", watchdog: Watchdog) -> int:
    """Waits for the worker's end; what it still sends is thrown away."""
    with watchdog.within(PATIENCE_SECONDS):
        while _pipe(worker).read1():
            pass
        return worker.wait()


def _end(worker: "subprocess.Popen[bytes]", watchdog: Watchdog) -> None:
    watchdog.close()
    worker.kill()
    worker.wait()
    _pipe(worker).close()
