"""Reads a video file or a stream with PyAV: RGB frames, their times, and how they are to be shown."""

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type as SideData
from av.video.reformatter import VideoReformatter

from drc_runtime.colour import FULL_RANGE, SWSCALE_MATRICES, known_matrix
from drc_runtime.sources.timeline import Timeline, shift_packet

NETWORK_SECONDS = 10.0
DAMAGED_READS = 250
"""Reads that may fail one after the other before a file counts as ended."""
DECODER_THREADS = 4
CONCEALING = frozenset({"h264", "hevc", "vp9", "vp8"})
"""Decoders that conceal damage. Others report it, and PyAV then loses the frames that parallel decoding holds back."""
ANNOUNCING = frozenset({"matroska", "mov", "flv", "avi", "asf"})
"""Formats that state their duration at the beginning. For others FFmpeg estimates it from what is there."""
TOLERANCE_SECONDS, TOLERANCE_SHARE = 0.5, 0.01
"""By how much a whole file may end before its announced duration: writers round it, and count pauses at the end."""
FIRST_FIELDS = {2: "top", 3: "bottom", 4: "bottom", 5: "top"}


class Media:
    """An open file or stream.

    Args:
        target: path or address.
        live: it is a network stream, which ends when a read fails.

    Attributes:
        rate: frames a second as a float; 0 if it is not stated.
        count: number of frames that the container states or that follows from its duration; 0: unknown.
        recording: whether it has a duration.
        passed: frames read so far, those that could not be decoded included.

    Raises:
        av.FFmpegError, OSError: it cannot be opened.
        LookupError: it has no video track.
    """

    def __init__(self, target: str, *, live: bool) -> None:
        self._live = live
        if live:
            options = {"rtsp_transport": "tcp"} if target.lower().startswith("rtsp") else {}
            self._container: Any = av.open(target, options=options, timeout=(NETWORK_SECONDS, NETWORK_SECONDS))
        else:
            self._container = av.open(target)
        self._track: Any = first_video(self._container)
        context = self._track.codec_context
        if context.name in CONCEALING and not live:
            context.thread_type, context.thread_count = "AUTO", min(DECODER_THREADS, os.cpu_count() or 1)
        else:
            context.thread_type = "SLICE"
        self.rate = float(self._track.guessed_rate or self._track.average_rate or 0)
        duration = self._container.duration
        self.recording = duration is not None and duration > 0
        self._announced = duration / 1_000_000 if self.recording else 0.0
        self.count = float(self._track.frames or round(self._announced * self.rate))
        self.passed = 0
        self._read_until = 0.0
        self._start = (self._track.start_time or 0) * self._track.time_base
        self._last: Fraction | None = None
        self._reformatter = VideoReformatter()

    def frames(self) -> Iterator[tuple[int, float, Any]]:
        """Yields position, seconds since the track's start and the ``av.VideoFrame`` of each frame, in display order."""
        timeline = Timeline(jumps=allows_jumps(self._container))
        for packet in self._packets():
            if packet.size and packet.stream.type in ("video", "audio"):
                shift_packet(packet, timeline.shift(packet))
                self._note_end(packet)
                if packet.stream is self._track:
                    yield from self._decoded(packet)
        yield from self._decoded(None)

    def missing_seconds(self) -> float:
        """How much of the announced duration did not come, after ``frames`` has ended; 0 if the file is whole."""
        names = set(self._container.format.name.split(","))
        if not names & ANNOUNCING:
            return 0.0
        missing = self._announced - self._read_until
        period = 1 / self.rate if self.rate else 0.0
        # AVI states how many frames it has; elsewhere the last frame may have no stated duration.
        tolerance = (
            1.5 * period if "avi" in names else max(TOLERANCE_SECONDS, TOLERANCE_SHARE * self._announced, 2 * period)
        )
        return missing if missing > tolerance else 0.0

    def rgb(self, frame: Any) -> np.ndarray:
        """The frame as it is to be seen, ``(H, W, 3)`` uint8 RGB: with its own colours, rotated as the container says."""
        matrix = SWSCALE_MATRICES[known_matrix(frame.colorspace, frame.height, frame.width)]
        full = FULL_RANGE if is_full_range(frame) else None
        converted = self._reformatter.reformat(
            frame, format="rgb24", src_colorspace=matrix, src_color_range=full, threads=1
        )
        return upright(converted.to_ndarray(), display_matrix(frame))

    def layout(self, frame: Any) -> dict[str, Any]:
        """How the frames are to be shown; the fields of ``VideoFormat`` as JSON values."""
        aspect = Fraction(self._track.sample_aspect_ratio or 1)
        if aspect <= 0:
            aspect = Fraction(1)
        turned = is_transposed(display_matrix(frame))
        is_rgb = frame.format.is_rgb or frame.format.name.startswith(("gray", "mono", "pal"))
        fields = FIRST_FIELDS.get(self._track.codec_context.field_order)
        if fields is None and frame.interlaced_frame:
            fields = "top"
        return {
            "aspect": str(1 / aspect if turned else aspect),
            "matrix": None if is_rgb else known_matrix(frame.colorspace, frame.height, frame.width),
            "primaries": frame.color_primaries,
            "transfer": frame.color_trc,
            "full_range": not is_rgb and is_full_range(frame),
            "first_field": None if turned else fields,
        }

    def _decoded(self, packet: Any) -> Iterator[tuple[int, float, Any]]:
        try:
            frames = self._track.codec_context.decode(packet)
        except (av.FFmpegError, OSError):
            self.passed += packet is not None and not packet.is_discard
            return
        for frame in frames:
            yield self.passed, self._seconds(frame), frame
            self.passed += 1

    def _packets(self) -> Iterator[Any]:
        """The packets of all tracks; what follows a damaged one is still read."""
        failures = 0
        while True:
            try:
                for packet in self._container.demux():
                    failures = 0
                    yield packet
                return
            except (av.FFmpegError, OSError):
                failures += 1
                if self._live or failures > DAMAGED_READS:
                    return

    def _note_end(self, packet: Any) -> None:
        if packet.pts is not None:
            ticks = packet.pts + (packet.duration or 0)
            self._read_until = max(self._read_until, float(ticks * packet.time_base))

    def _seconds(self, frame: Any) -> float:
        if frame.pts is not None:
            now = frame.pts * self._track.time_base - self._start
        else:  # MPEG-4 in AVI states no display times
            now = Fraction(0) if self._last is None else self._last + Fraction(1 / self.rate if self.rate else 0.04)
        self._last = now
        return float(now)


def first_video(container: Any) -> Any:
    """The first video track that is not a cover image.

    Raises:
        LookupError: there is no video track.
    """
    tracks = list(container.streams.video)
    if not tracks:
        raise LookupError("no video track")
    return next((it for it in tracks if not it.disposition & av.stream.Disposition.attached_pic), tracks[0])


def allows_jumps(container: Any) -> bool:
    """Whether timestamps of this format may jump ahead, as in MPEG-TS."""
    return bool(container.format.flags & av.format.Flags.ts_discont.value)


def is_full_range(frame: Any) -> bool:
    """Whether black is 0 and white 255, as in JPEG, and not 16 and 235."""
    return bool(frame.color_range == FULL_RANGE) or str(frame.format.name).startswith("yuvj")


def display_matrix(frame: Any) -> tuple[int, int, int, int]:
    """The signs of the container's display matrix: a, b, c, d of ``x' = a x + c y``, ``y' = b x + d y``."""
    data = frame.side_data.get(SideData.DISPLAYMATRIX)
    if data is None:
        return 1, 0, 0, 1
    numbers = np.frombuffer(bytes(data), np.int32)
    a, b, c, d = (int(numbers[index]) for index in (0, 1, 3, 4))
    if abs(a * d) >= abs(b * c):
        return (1 if a >= 0 else -1), 0, 0, (1 if d >= 0 else -1)
    return 0, (1 if b > 0 else -1), (1 if c > 0 else -1), 0


def is_transposed(matrix: tuple[int, int, int, int]) -> bool:
    """Whether rows become columns."""
    return matrix[0] == 0


def upright(image: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """``image`` as the display matrix shows it."""
    a, b, c, d = matrix
    if is_transposed(matrix):
        image, a, d = image.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(image[:: 1 if d > 0 else -1, :: 1 if a > 0 else -1])
