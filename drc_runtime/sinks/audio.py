"""Copies the audio of the source file into the video that is written; encodes it if the container cannot hold its codec."""

import subprocess
import sys
from io import BufferedReader
from pathlib import Path
from typing import Any, Self, cast

PROGRAM = Path(__file__).with_name("audio_worker.py")
PIPE_BYTES = 1 << 16


class AudioTrack:
    """The first audio track of a file. A worker process reads it; ``mux_until`` writes it in step with the images."""

    def __init__(self, path: Path, worker: "subprocess.Popen[bytes]", source: Any, target: Any) -> None:
        self._path, self._worker, self._source, self._target = path, worker, source, target
        track = source.streams.audio[0]
        self._stream = target.add_stream_from_template(track)
        self._packets = source.demux(track)
        self._waiting: Any = None
        self._seconds = 0.0

    @classmethod
    def open(cls, path: Path, target: Any, copied: set[str]) -> Self | None:
        """Starts the worker; None if the file has no audio that can be read. The video is then written without audio.

        Args:
            path: the source file.
            target: the open PyAV container to write to, before its first packet.
            copied: names of the codecs that this container can hold; audio in another codec is encoded.
        """
        import av

        encoder = "libopus" if "opus" in copied else "aac"
        worker = subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM), str(path.resolve()), encoder, *sorted(copied)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=PIPE_BYTES,
            start_new_session=True,
        )
        pipe = cast(BufferedReader, worker.stdout)
        try:
            source = av.open(f"pipe:{pipe.fileno()}", format="nut")
            if source.streams.audio:
                return cls(path, worker, source, target)
            source.close()
        except (av.FFmpegError, OSError):
            pass
        _end(worker)
        return None

    def mux_until(self, seconds: float) -> None:
        """Writes the packets that begin before ``seconds``."""
        while (packet := self._waiting or self._next()) is not None:
            self._waiting = None
            if packet.pts * packet.time_base > seconds:
                self._waiting = packet
                return
            self._seconds = float(packet.pts * packet.time_base)
            packet.stream = self._stream
            self._target.mux(packet)

    def close(self) -> str | None:
        """Ends the worker. Audio after the last image is not written.

        Returns:
            One line if the audio is damaged, else None.
        """
        ended = self._waiting is None and self._next() is None
        code = self._worker.wait() if ended else 0
        self._source.close()
        _end(self._worker)
        return f"the audio of {self._path} is damaged: it ends after {self._seconds:.1f} s" if code else None

    def _next(self) -> Any:
        """The next packet; None at the end of the audio, and where the worker crashed."""
        import av

        try:
            packet = next(self._packets, None)
        except (av.FFmpegError, OSError):
            return None
        return None if packet is None or packet.dts is None or packet.pts is None else packet


def _end(worker: "subprocess.Popen[bytes]") -> None:
    worker.kill()
    worker.wait()
    cast(BufferedReader, worker.stdout).close()
