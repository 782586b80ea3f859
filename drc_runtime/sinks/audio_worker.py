"""The worker process that reads the sound of a file: ``python sound_worker.py PATH ENCODER CODEC...``, NUT on stdout.

The first sound track is copied if its codec is one of CODEC..., else encoded with ENCODER. Times count from the first image,
as a frame's do, wherever in the file's own time that lies. NUT is a container that can be written into a pipe and keeps times
exactly. Like decoder.py this is run by its path: a damaged file that makes a demuxer or a decoder crash takes down only this.
"""

import os
import sys
from typing import Any

NO_SOUND = 3
OPUS_RATE = 48_000


def main(path: str, encoder: str, copied: list[str]) -> int:
    """Returns ``NO_SOUND`` without having written anything if there is no sound track."""
    import av

    pipe = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not end up between the packets
    with av.open(path) as source:
        track: Any = next(iter(source.streams.audio), None)
        if track is None:
            return NO_SOUND
        images: Any = next(iter(source.streams.video), None)
        begun = images.start_time * images.time_base if images is not None and images.start_time else 0
        shift = round(begun / track.time_base)
        with av.open(f"pipe:{pipe}", "w", format="nut", options={"flush_packets": "1"}) as target:
            if track.codec_context.name.removesuffix("float") in copied:
                copy(source, track, target, shift)
            else:
                encode(source, track, target, encoder, shift)
    return 0


def copy(source: Any, track: Any, target: Any, shift: int) -> None:
    """Hands the packets on as they are."""
    stream = target.add_stream_from_template(track)
    for packet in source.demux(track):
        if packet.dts is None or packet.pts is None or is_before(packet, shift):
            continue
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = stream
        target.mux(packet)


def encode(source: Any, track: Any, target: Any, encoder: str, shift: int) -> None:
    """Decodes and encodes; what cannot be decoded is left out."""
    import av

    stream = target.add_stream(encoder, rate=OPUS_RATE if encoder == "libopus" else track.rate)
    stream.codec_context.layout = "mono" if track.channels == 1 else "stereo"
    for packet in source.demux(track):
        if is_before(packet, shift):
            continue
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        for frame in frames:
            if frame.pts is not None:
                frame.pts -= shift
            target.mux(stream.encode(frame))
    target.mux(stream.encode(None))


def is_before(packet: Any, shift: int) -> bool:
    """Whether it lies before the first image; where that begins with the file, what a decoder needs first stays."""
    return bool(shift and packet.pts is not None and packet.pts < shift)


def run(arguments: list[str]) -> int:
    """The process's exit code: 1 where the file cannot be read further."""
    import av

    try:
        return main(arguments[0], arguments[1], arguments[2:])
    except BrokenPipeError:
        return 0  # the video has ended before its sound
    except (av.FFmpegError, OSError):
        return 1


if __name__ == "__main__":
    os._exit(run(sys.argv[1:]))
