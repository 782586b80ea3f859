"""The sink that writes a video: exact timestamps, the source's colours and pixel aspect, transparency, and its sound."""

import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drc_runtime.atomic import publish
from drc_runtime.colour import FULL_RANGE, LIMITED_RANGE, SWSCALE_MATRICES
from drc_runtime.errors import OutputError, UsageError
from drc_runtime.frames import Frame, Sink, VideoFormat, View
from drc_runtime.preprocess import resize
from drc_runtime.sinks.encoders import ALPHA, AUDIO_COPIED, OPAQUE, Encoder
from drc_runtime.views.fit import fit

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction

USUAL_TICKS = 90_000
"""Ticks a second in most containers: times that are multiples of 1/90,000 s or 1/1,000 s stay exact."""
MOST_TICKS = 1 << 30  # H.264 stores twice this number in 32 bits
LONGEST_GAP = 30_000
"""Frames. AVI has constant rate and stores an empty entry for each frame that is not there, 60,000 in a row at most."""
SMALLEST_SIDE = 16  # one macroblock
CLUSTERS = {"cluster_time_limit": "1000", "flush_packets": "1"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
LIVE_OPTIONS = {"mp4": FRAGMENTS, "mov": FRAGMENTS, "webm": CLUSTERS, "avi": {"flush_packets": "1"}}


def part_of(path: Path) -> Path:
    """The temporary name of a video until it is complete."""
    return path.with_name(path.name + ".part")


class AvVideoSink(Sink):
    """Writes frames at their own times into ``path.part``, renamed on completion; after an error that file stays.

    The first frame sets the size, rounded up to even numbers because the codecs store colour at half the size. Later frames
    of another size are fitted with black bars. AVI has a constant rate: there a frame is shown until the next one.

    Args:
        path: ends in a key of ``OPAQUE``, or of ``ALPHA`` if ``alpha``.
        rate: frames a second; sets the time base so that times of a constant rate are exact.
        view: makes the image from a frame and its extraction; RGBA if ``alpha``.
        alpha: the video has an alpha channel.
        audio: the file whose sound is copied into the video, or None.
        live: writes fragments or clusters of one second, so that the file plays even if the process is killed.
        failures: on close, gets a line for sound that is missing.
        format: of the source; the video is shown like it.

    Raises:
        UsageError: a video with this suffix cannot hold this.
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
        format: VideoFormat = VideoFormat(),
    ) -> None:
        kinds = ALPHA if alpha else OPAQUE
        if path.suffix.lower() not in kinds:
            raise UsageError(f"{path} cannot hold this video; use one of: {', '.join(kinds)}")
        import av

        self._av: Any = av
        self._path, self._part, self._rate = path, part_of(path), rate
        self._view, self._format = view, format
        self._encoder: Encoder = kinds[path.suffix.lower()]
        self._live = live
        self._time_base = _time_base(rate, self._encoder)
        self._stream: Any = None
        self._audio: Any = None
        self._audio_file = audio
        self._failures = failures
        self._last = -1
        self._size = (0, 0)
        self._to: dict[str, Any] = {}
        container = self._encoder.container
        try:
            self._part.write_bytes(b"")  # PyAV makes the file with the first packet only
            # An absolute path, because FFmpeg takes what stands before a colon for a protocol.
            self._container = av.open(
                str(self._part.absolute()), "w", format=container, options=LIVE_OPTIONS[container] if live else {}
            )
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}; choose another place") from error

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        image = self._view(frame, extraction)
        shown = self._encoder.size(self._format, *image.shape[:2])
        image = image if shown == image.shape[:2] else resize(image, shown)
        try:
            if self._stream is None:
                self._open(image)
            if not self._part.exists():
                raise OutputError(f"{self._part} was removed while it was written")
            layout = "rgba" if image.shape[2] == 4 else "rgb24"
            fitted = np.ascontiguousarray(fit(image, self._size))
            video = self._av.VideoFrame.from_ndarray(fitted, format=layout).reformat(**self._to)
            tick = max(round(Fraction(frame.seconds) / self._time_base), self._last + 1)
            while self._encoder.container == "avi" and tick - self._last > LONGEST_GAP:
                self._encode(video, self._last + LONGEST_GAP)
            self._encode(video, tick)
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
                self._failures += self._audio.close()
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
        except (OSError, ValueError, EOFError):  # closed already, or the disk fails again
            return

    def _open(self, image: Any) -> None:
        height, width = (max(side + side % 2, SMALLEST_SIDE) for side in image.shape[:2])
        self._size = (height, width)
        encoder, source = self._encoder, self._format
        matrix, full = encoder.colours(source, height, width)
        stream: Any = self._container.add_stream(encoder.codec, rate=self._rate)
        stream.width, stream.height, stream.pix_fmt = width, height, encoder.pixels
        context = stream.codec_context
        context.time_base = stream.time_base = self._time_base
        context.sample_aspect_ratio = source.aspect if encoder.keeps_aspect else Fraction(1)
        context.color_range = FULL_RANGE if full else LIMITED_RANGE
        context.colorspace, context.color_primaries, context.color_trc = matrix, source.primaries, source.transfer
        self._to = {
            "format": encoder.pixels,
            "dst_colorspace": SWSCALE_MATRICES[matrix],
            "dst_color_range": FULL_RANGE if full else LIMITED_RANGE,
        }
        stream.options = encoder.options(source, height)
        if self._live:
            stream.gop_size = max(1, round(self._rate))
        self._stream = stream
        copied = AUDIO_COPIED.get(encoder.container)
        if self._audio_file is not None and copied is not None:
            from drc_runtime.sinks.audio import Sound

            self._audio = Sound.open(self._audio_file, self._container, copied, self._failures)

    def _encode(self, video: Any, tick: int) -> None:
        video.pts, video.time_base = tick, self._time_base
        self._last = tick
        self._mux(self._stream.encode(video))

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            self._container.mux(packet)


def _time_base(rate: Fraction, encoder: Encoder) -> Fraction:
    """A whole number of ticks for each frame at the constant rate, and fine ticks for variable rates."""
    if encoder.container == "avi":
        return 1 / rate
    ticks = math.lcm(rate.numerator, USUAL_TICKS)
    if ticks > MOST_TICKS:
        ticks = rate.numerator * -(-USUAL_TICKS // rate.numerator)
    return Fraction(1, ticks)
