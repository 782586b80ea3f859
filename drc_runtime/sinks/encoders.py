"""How each kind of video is encoded: container, codec, colours."""

from dataclasses import dataclass

from drc_runtime.colour import known_matrix
from drc_runtime.frames import VideoFormat

JFIF_MATRIX = 5


@dataclass(frozen=True)
class Encoder:
    """One kind of video.

    Attributes:
        container: FFmpeg's name of the container.
        codec: FFmpeg's name of the encoder.
        pixels: FFmpeg's name of the pixel format.
    """

    container: str
    codec: str
    pixels: str

    @property
    def keeps_aspect(self) -> bool:
        """Whether the container states the pixels' aspect. PyAV cannot set it for the others, whose pixels are made square."""
        return self.container in ("mp4", "mov")

    def size(self, source: VideoFormat, height: int, width: int) -> tuple[int, int]:
        """Height and width of the result for an image of this size. To make pixels square, an image only grows."""
        if self.keeps_aspect or source.aspect == 1:
            return height, width
        if source.aspect > 1:
            return height, round(width * source.aspect)
        return round(height / source.aspect), width

    def colours(self, source: VideoFormat, height: int, width: int) -> tuple[int, bool]:
        """Colour matrix and whether the range is full: those of the source, unless the codec has only one."""
        if self.codec == "mjpeg":
            return JFIF_MATRIX, True
        return known_matrix(source.matrix, height, width), source.full_range and self.codec != "prores_ks"

    def options(self, source: VideoFormat, height: int) -> dict[str, str]:
        """The encoder's options."""
        if self.codec == "libx264":
            # Without B-frames: with them the container's duration, counted in the order of storage, ends before the last
            # frames of a variable rate, and players skip those frames.
            found = {"crf": "18", "preset": "veryfast", "bf": "0"}
            if source.first_field and height % 4 == 0:
                found["x264-params"] = "tff=1" if source.first_field == "top" else "bff=1"
            return found
        if self.codec == "libvpx-vp9":
            # libvpx supports no alternate reference frames with an alpha channel.
            return {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "6", "auto-alt-ref": "0"}
        if self.codec == "mjpeg":
            return {"qmin": "2", "qmax": "2"}
        return {"profile": "4444", "alpha_bits": "16"}


OPAQUE = {
    ".mp4": Encoder("mp4", "libx264", "yuv420p"),
    ".mov": Encoder("mov", "libx264", "yuv420p"),
    ".webm": Encoder("webm", "libvpx-vp9", "yuv420p"),
    ".avi": Encoder("avi", "mjpeg", "yuvj420p"),
}
ALPHA = {".mov": Encoder("mov", "prores_ks", "yuva444p10le"), ".webm": Encoder("webm", "libvpx-vp9", "yuva420p")}
AUDIO_COPIED = {"mp4": {"aac", "mp3", "ac3"}, "mov": {"aac", "mp3", "ac3"}, "webm": {"opus", "vorbis"}}
"""Container -> codecs of sound that it holds. AVI is written without sound: it has no times for it."""
WITH_SOUND = frozenset(suffix for suffix, encoder in OPAQUE.items() if encoder.container in AUDIO_COPIED)
