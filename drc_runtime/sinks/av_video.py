"""The sink that writes a video with PyAV: exact timestamps, transparency, and the audio of the source file."""

import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drc_runtime.atomic import publish
from drc_runtime.errors import OutputError, UsageError
from drc_runtime.frames import Frame, Sink, View
from drc_runtime.packages import require
from drc_runtime.views.fit import fit

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction

OPAQUE = {".mp4": ("mp4", "libx264", "yuv420p"), ".mov": ("mov", "libx264", "yuv420p")}
OPAQUE |= {".webm": ("webm", "libvpx-vp9", "yuv420p")}
ALPHA = {".mov": ("mov", "prores_ks", "yuva444p10le"), ".webm": ("webm", "libvpx-vp9", "yuva420p")}
"""Suffix to container, encoder and pixel format."""
AUDIO_COPIED = {"mp4": {"aac", "mp3", "ac3"}, "mov": {"aac", "mp3", "ac3"}, "webm": {"opus", "vorbis"}}
USUAL_TICKS = 90_000
"""Ticks a second in most containers: times that are multiples of 1/90,000 s or 1/1,000 s stay exact."""
MOST_TICKS = 1 << 30  # H.264 stores twice this number in 32 bits
CLUSTERS = {"cluster_time_limit": "1000", "flush_packets": "1"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}


def require_av() -> Any:
    """The ``av`` module.

    Raises:
        MissingDependencyError: PyAV is not installed.
    """
    return require("av", extra="video", purpose="this video")


def part_of(path: Path) -> Path:
    """The temporary name of a video until it is complete."""
    return path.with_name(path.name + ".part")


class AvVideoSink(Sink):
    """Writes frames at their own times into ``path.part``, renamed on completion; after an error that file stays.

    Args:
        path: ends in a key of ``OPAQUE``, or of ``ALPHA`` if ``alpha``.
        rate: frames a second; sets the time base so that times of a constant rate are exact.
        view: makes the image from a frame and its extraction; RGBA if ``alpha``.
        alpha: the video has an alpha channel.
        audio: the file whose first audio track is copied into the video, or None.
        live: writes fragments or clusters of one second, so that the file plays even if the process is killed.
        failures: on close, gets a line if the audio could not be read to its end.

    Raises:
        UsageError: a video with this suffix cannot hold this.
        MissingDependencyError: PyAV is not installed.
        OutputError: the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        rate: Fraction,
        view: View,
        *,
        alpha: bool,
        audio: Path | None,
        live: bool,
        failures: list[str],
    ) -> None:
        kinds = ALPHA if alpha else OPAQUE
        if path.suffix.lower() not in kinds:
            raise UsageError(f"{path} cannot hold this video; use one of: {', '.join(kinds)}")
        self._av = require_av()
        self._path, self._part, self._rate = path, part_of(path), rate
        self._view = view
        self._container_name, self._encoder, self._pixels = kinds[path.suffix.lower()]
        self._live = live
        # A whole number of ticks for each frame at the constant rate, and fine ticks for variable rates.
        ticks = math.lcm(rate.numerator, USUAL_TICKS)
        if ticks > MOST_TICKS:
            ticks = rate.numerator * -(-USUAL_TICKS // rate.numerator)
        self._time_base = Fraction(1, ticks)
        self._stream: Any = None
        self._audio: Any = None
        self._audio_file = audio
        self._failures = failures
        self._last = -1
        self._begun = False  # whether the first packet, and with it the file, has been written
        self._size = (0, 0)
        pieces = CLUSTERS if self._container_name == "webm" else FRAGMENTS
        try:
            self._container = self._av.open(
                str(self._part), "w", format=self._container_name, options=pieces if live else {}
            )
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}; choose another place") from error

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        image = self._view(frame, extraction)
        try:
            if self._stream is None:
                self._open(image)
            if self._begun and not self._part.exists():
                raise OutputError(f"{self._part} was removed while it was written")
            layout = "rgba" if image.shape[2] == 4 else "rgb24"
            fitted = np.ascontiguousarray(fit(image, self._size))
            video = self._av.VideoFrame.from_ndarray(fitted, format=layout).reformat(format=self._pixels)
            self._last = max(round(Fraction(frame.seconds) / self._time_base), self._last + 1)
            video.pts, video.time_base = self._last, self._time_base
            self._mux(self._stream.encode(video))
            if self._audio is not None:
                self._audio.mux_until(frame.seconds)
        except OSError as error:
            raise OutputError(f"cannot write {self._part}: {error.strerror or error}") from error

    def close(self) -> None:
        if self._stream is None:
            self.discard()
            self._part.unlink(missing_ok=True)  # it is empty
            return
        try:
            if self._audio is not None:
                self._audio.mux_until(float(self._last * self._time_base + 1 / self._rate))
                if (failure := self._audio.close()) is not None:
                    self._failures.append(failure)
            self._mux(self._stream.encode(None))
            self._container.close()
            publish(self._part, self._path)
        except OSError as error:
            raise OutputError(f"cannot complete {self._path}: {error.strerror or error}; see {self._part}") from error

    def discard(self) -> None:
        """Keeps the part that is written: it may be the only result of a long run."""
        try:
            if self._audio is not None:
                self._audio.close()
            if self._stream is not None:
                self._mux(self._stream.encode(None))
            self._container.close()
        except (OSError, ValueError):  # closed already, or the disk fails again
            return

    def _open(self, image: Any) -> None:
        height, width = (side + side % 2 for side in image.shape[:2])
        self._size = (height, width)
        stream = self._container.add_stream(self._encoder, rate=self._rate)
        stream.width, stream.height, stream.pix_fmt = width, height, self._pixels
        stream.codec_context.time_base = stream.time_base = self._time_base
        if self._encoder == "libx264":
            # Without B-frames: with them the container's duration, counted in the order of storage, ends before the last
            # frames of a variable rate, and players skip those frames.
            stream.options = {"crf": "18", "preset": "veryfast", "bf": "0"}
        elif self._encoder == "libvpx-vp9":
            # libvpx supports no alternate reference frames with an alpha channel.
            stream.options = {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "6", "auto-alt-ref": "0"}
        else:
            stream.options = {"profile": "4444", "alpha_bits": "16"}
        if self._live:
            stream.gop_size = max(1, round(self._rate))
        self._stream = stream
        if self._audio_file is not None:
            from drc_runtime.sinks.audio import AudioTrack

            self._audio = AudioTrack.open(self._audio_file, self._container, AUDIO_COPIED[self._container_name])

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            self._container.mux(packet)
            self._begun = True
