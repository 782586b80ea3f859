"""The sound of a file that is read, into the video that is written: copied if the container takes it, else encoded."""

from pathlib import Path
from typing import Any, Self


class Sound:
    """The first sound track of a file, handed on as far as the pictures have come.

    Times count from the first picture, as a frame's do, wherever in the file's own time that lies.
    """

    def __init__(self, source: Any, track: Any, target: Any, stream: Any, *, copied: bool) -> None:
        self._source = source
        self._target, self._stream, self._copied = target, stream, copied
        pictures = next(iter(source.streams.video), None)
        begun = pictures.start_time * pictures.time_base if pictures is not None and pictures.start_time else 0
        self._shift = round(begun / track.time_base)
        self._packets = source.demux(track)
        self._waiting: Any = None

    @classmethod
    def open(cls, path: Path, target: Any, copied: set[str]) -> Self | None:
        """None if the file has no sound that can be read: a video without sound is better than none.

        Args:
            path: the file that is read.
            target: the container, not yet begun, that is written.
            copied: names of codecs that the container takes as they are.
        """
        import av

        try:
            source = av.open(str(path))
        except (av.FFmpegError, OSError):
            return None
        track = next(iter(source.streams.audio), None)
        if track is None:
            source.close()
            return None
        if track.codec_context.name.removesuffix("float") in copied:
            return cls(source, track, target, target.add_stream_from_template(track), copied=True)
        if "opus" in copied:
            stream = target.add_stream("libopus", rate=48000)
        else:
            stream = target.add_stream("aac", rate=track.rate)
        stream.codec_context.layout = "mono" if track.channels == 1 else "stereo"
        return cls(source, track, target, stream, copied=False)

    def mux_until(self, seconds: float) -> None:
        """Hands on what begins before ``seconds``."""
        while (packet := self._waiting or next(self._packets, None)) is not None:
            self._waiting = None
            if packet.pts is not None and (packet.pts - self._shift) * packet.time_base > seconds:
                self._waiting = packet
                return
            self._hand_on(packet)

    def close(self) -> None:
        """Ends the track; what lies after the last picture is left out."""
        if not self._copied:
            self._mux(self._stream.encode(None))
        self._source.close()

    def _hand_on(self, packet: Any) -> None:
        if packet.dts is None and self._copied:
            return  # the packet that ends a demuxer's stream is empty
        if self._shift and packet.pts is not None and packet.pts < self._shift:
            return  # from before the first picture
        if self._copied:
            packet.pts, packet.dts = packet.pts - self._shift, packet.dts - self._shift
            packet.stream = self._stream
            self._target.mux(packet)
            return
        for frame in packet.decode():
            if frame.pts is not None:
                frame.pts -= self._shift
            self._mux(self._stream.encode(frame))

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            self._target.mux(packet)
