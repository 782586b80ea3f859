"""The sink that writes a video through PyAV: exact timestamps, transparency, the sound of the file that is read."""

import math
import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drc_runtime.errors import MissingDependencyError, OutputError, UsageError
from drc_runtime.frames import Frame, Sink, View
from drc_runtime.views.fit import fit

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction

OPAQUE = {".mp4": ("mp4", "libx264", "yuv420p"), ".mov": ("mov", "libx264", "yuv420p")}
OPAQUE |= {".webm": ("webm", "libvpx-vp9", "yuv420p")}
ALPHA = {".mov": ("mov", "prores_ks", "yuva444p10le"), ".webm": ("webm", "libvpx-vp9", "yuva420p")}
"""Suffix to container, encoder and pixel format."""
SOUND_COPIED = {"mp4": {"aac", "mp3", "ac3"}, "mov": {"aac", "mp3", "ac3"}, "webm": {"opus", "vorbis"}}
USUAL_TICKS = 90_000
"""A second, in most containers: times of a variable rate that are counted so, or in milliseconds, stay exact."""
MOST_TICKS = 1 << 30  # H.264 writes twice their number in 32 bits
CLUSTERS = {"cluster_time_limit": "1000", "flush_packets": "1"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}


def require_av() -> Any:
    """The ``av`` module.

    Raises:
        MissingDependencyError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError("this needs PyAV; install it with: pip install 'drc[video]'") from error
    return av


def part_of(path: Path) -> Path:
    """Where a video is written until it is complete."""
    return path.with_name(path.name + ".part")


class AvVideoSink(Sink):
    """Frames at their own times, as ``path.part`` until the video is complete; an error leaves that file.

    Args:
        path: ends in a key of ``OPAQUE``, or of ``ALPHA`` if ``alpha``.
        rate: frames a second; sets the ticks in which times are counted, so that a constant rate is exact.
        view: what is written of a frame; RGBA if ``alpha``.
        alpha: the video keeps the transparency.
        sound: a file whose first sound track is kept, or None.
        live: writes fragments or clusters of a second, so that the file plays even if the process is killed.
        failures: gets a line when the video is closed if its sound could not be read to the end.

    Raises:
        UsageError: the suffix cannot hold this.
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
        sound: Path | None,
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
        # Whole ticks a frame at the constant rate, and fine enough for any other.
        ticks = math.lcm(rate.numerator, USUAL_TICKS)
        if ticks > MOST_TICKS:
            ticks = rate.numerator * -(-USUAL_TICKS // rate.numerator)
        self._time_base = Fraction(1, ticks)
        self._stream: Any = None
        self._sound: Any = None
        self._sound_file = sound
        self._failures = failures
        self._last = -1
        self._begun = False  # the file appears with the first packet, some frames after the first frame
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
            if self._sound is not None:
                self._sound.mux_until(frame.seconds)
        except OSError as error:
            raise OutputError(f"cannot write {self._part}: {error.strerror or error}") from error

    def close(self) -> None:
        if self._stream is None:
            self.discard()
            self._part.unlink(missing_ok=True)  # nothing was written into it
            return
        try:
            if self._sound is not None:
                self._sound.mux_until(float(self._last * self._time_base + 1 / self._rate))
                if (failure := self._sound.close()) is not None:
                    self._failures.append(failure)
            self._mux(self._stream.encode(None))
            self._container.close()
            with open(self._part, "rb+") as written:
                os.fsync(written.fileno())
            os.replace(self._part, self._path)
        except OSError as error:
            raise OutputError(f"cannot complete {self._path}: {error.strerror or error}; see {self._part}") from error

    def discard(self) -> None:
        """Keeps the part that is written: it may be all that is left of a long run."""
        try:
            if self._sound is not None:
                self._sound.close()
            if self._stream is not None:
                self._mux(self._stream.encode(None))
            self._container.close()
        except (OSError, ValueError):  # closed before, or the disk that failed fails again
            return

    def _open(self, image: Any) -> None:
        height, width = (side + side % 2 for side in image.shape[:2])
        self._size = (height, width)
        stream = self._container.add_stream(self._encoder, rate=self._rate)
        stream.width, stream.height, stream.pix_fmt = width, height, self._pixels
        stream.codec_context.time_base = stream.time_base = self._time_base
        if self._encoder == "libx264":
            # Without frames that are stored out of order: with them the container's duration, counted in the order of
            # storage, ends before the last frames of a variable rate, and players leave those out.
            stream.options = {"crf": "18", "preset": "veryfast", "bf": "0"}
        elif self._encoder == "libvpx-vp9":
            # Alternate reference frames and transparency exclude each other in libvpx.
            stream.options = {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "6", "auto-alt-ref": "0"}
        else:
            stream.options = {"profile": "4444", "alpha_bits": "16"}
        if self._live:
            stream.gop_size = max(1, round(self._rate))
        self._stream = stream
        if self._sound_file is not None:
            from drc_runtime.sinks.audio import Sound

            self._sound = Sound.open(self._sound_file, self._container, SOUND_COPIED[self._container_name])

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            self._container.mux(packet)
            self._begun = True
