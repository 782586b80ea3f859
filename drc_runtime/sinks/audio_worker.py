"""The worker process that reads the audio of a file: ``python audio_worker.py PATH ENCODER CODEC...``, NUT on stdout.

It copies the first audio track if its codec is one of CODEC..., else encodes it with ENCODER. Time 0 is the first image of the
file, as for ``Frame.seconds``. NUT is a container that a pipe can carry and that keeps times exactly. Like decoder_worker.py
this file is run by its path: if a damaged file crashes a demuxer or a decoder, only this process dies.
"""

import os
import sys
from typing import Any

NO_AUDIO = 3
OPUS_RATE = 48_000


def main(path: str, encoder: str, copied: list[str]) -> int:
    """Returns ``NO_AUDIO`` and writes nothing if the file has no audio track."""
    import av

    pipe = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not get between the packets
    with av.open(path) as source:
        track: Any = next(iter(source.streams.audio), None)
        if track is None:
            return NO_AUDIO
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
    """Writes the packets unchanged, except for their times."""
    stream = target.add_stream_from_template(track)
    for packet in source.demux(track):
        if packet.dts is None or packet.pts is None or is_before(packet, shift):
            continue
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = stream
        target.mux(packet)


def encode(source: Any, track: Any, target: Any, encoder: str, shift: int) -> None:
    """Decodes and encodes; skips packets that cannot be decoded."""
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
    """Whether it is before the first image. If that is at time 0, all packets stay: decoders need the first ones."""
    return bool(shift and packet.pts is not None and packet.pts < shift)


def run(arguments: list[str]) -> int:
    """Returns the exit code: 1 if the file cannot be read to its end."""
    import av

    try:
        return main(arguments[0], arguments[1], arguments[2:])
    except BrokenPipeError:
        return 0  # the images ended before the audio
    except (av.FFmpegError, OSError):
        return 1


if __name__ == "__main__":
    os._exit(run(sys.argv[1:]))
