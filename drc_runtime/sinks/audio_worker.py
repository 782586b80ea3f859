"""The worker process that reads the sound of a file: ``python audio_worker.py PATH ENCODER CODEC...``, NUT on stdout.

It copies each audio track whose codec is one of CODEC..., and encodes the others with ENCODER. Time ``LEAD_SECONDS`` is the first
image of the file, as time 0 is for ``Frame.seconds``: NUT holds no negative times, and decoders need some packets before that
image. NUT is a container that a pipe can carry and that keeps times exactly. Like decoder_worker.py this file is run by its path:
if a damaged file crashes a demuxer or a decoder, only this process dies.
"""

import os
import re
import sys
from fractions import Fraction
from typing import Any

import av

from drc_runtime.sources.media import ANNOUNCING, TOLERANCE_SECONDS, TOLERANCE_SHARE, allows_jumps, first_video
from drc_runtime.sources.timeline import Timeline, shift_packet

NO_AUDIO = 3
OPUS_RATE = 48_000
LEAD_SECONDS = 10
PREROLL_SECONDS = Fraction(1, 10)
"""Sound before the first image that is copied: decoders of AAC, MP3 and Opus need it. The container hides it."""


class Track:
    """One audio track on its way from the file into the pipe.

    Args:
        track: the stream that is read.
        target: the container that is written.
        encoder: name of the codec to encode with; None copies the packets.
        begin: time of the first image in the file, in seconds.
    """

    def __init__(self, track: Any, target: Any, encoder: str | None, begin: Fraction) -> None:
        self._track, self._begin = track, begin
        self._read_until = Fraction(0)
        self._last_dts: int | None = None
        self._encodes = encoder is not None
        if encoder is None:
            self._stream = target.add_stream_from_template(track)
        else:
            self._stream = target.add_stream(encoder, rate=OPUS_RATE if encoder == "libopus" else track.rate)
            self._stream.codec_context.layout = "mono" if track.channels == 1 else "stereo"
        self._stream.metadata.update(
            {key: track.metadata[key] for key in ("language", "title") if key in track.metadata}
        )
        self._stream.disposition = track.disposition

    def packets(self, packet: Any) -> list[Any]:
        """The packets to write for one that was read; an empty one ends the track."""
        if packet is None:
            return list(self._stream.encode(None)) if self._encodes else []
        if packet.pts is None or packet.dts is None:
            return []
        ends = (packet.pts + (packet.duration or 0)) * packet.time_base
        self._read_until = max(self._read_until, ends)
        if ends < self._begin - PREROLL_SECONDS:
            return []
        shift_packet(packet, LEAD_SECONDS - self._begin)
        if self._last_dts is not None and packet.dts <= self._last_dts:
            return []  # where recordings are joined, the sound of one can end after the next has begun
        self._last_dts = packet.dts
        if not self._encodes:
            packet.stream = self._stream
            return [packet]
        try:
            frames = self._track.codec_context.decode(packet)
        except av.FFmpegError:
            return []
        return [written for frame in frames if self._is_heard(frame) for written in self._stream.encode(frame)]

    def is_cut_short(self) -> bool:
        """Whether it ends well before the duration that the container states for it."""
        if self._track.duration is not None:
            announced = self._track.duration * self._track.time_base
        elif stated := re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", self._track.metadata.get("DURATION", "")):
            announced = 3600 * int(stated[1]) + 60 * int(stated[2]) + Fraction(stated[3])  # Matroska
        else:
            return False
        tolerance = max(TOLERANCE_SECONDS, TOLERANCE_SHARE * float(announced))
        return float(announced - self._read_until) > tolerance

    def _is_heard(self, frame: Any) -> bool:
        return frame.pts is None or frame.pts * frame.time_base >= LEAD_SECONDS


def main(path: str, encoder: str, copied: list[str]) -> int:
    """Returns ``NO_AUDIO`` and writes nothing if the file has no audio track."""
    pipe = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not get between the packets
    with av.open(path) as source:
        found = list(source.streams.audio)
        if not found:
            return NO_AUDIO
        images = first_video(source) if source.streams.video else None
        begin = (images.start_time or 0) * images.time_base if images is not None else Fraction(0)
        with av.open(f"pipe:{pipe}", "w", format="nut", options={"flush_packets": "1"}) as target:
            tracks = {}
            for track in found:
                is_copied = track.codec_context.name.removesuffix("float") in copied
                tracks[track.index] = Track(track, target, None if is_copied else encoder, begin)
            timeline = Timeline(jumps=allows_jumps(source))
            for packet in source.demux(*found, *([images] if images is not None else [])):
                if not packet.size:
                    continue
                shift_packet(packet, timeline.shift(packet))
                if packet.stream.index in tracks:
                    target.mux(tracks[packet.stream.index].packets(packet))
            for it in tracks.values():
                target.mux(it.packets(None))
        announces = set(source.format.name.split(",")) & ANNOUNCING
        return 1 if announces and any(it.is_cut_short() for it in tracks.values()) else 0


def run(arguments: list[str]) -> int:
    """Returns the exit code: 1 if the file cannot be read to its end."""
    try:
        return main(arguments[0], arguments[1], arguments[2:])
    except BrokenPipeError:
        return 0  # the images ended before the sound
    except (av.FFmpegError, OSError, ValueError):
        return 1


if __name__ == "__main__":
    os._exit(run(sys.argv[1:]))
