"""The sink that writes a video with OpenCV, atomically."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from drc_runtime.atomic import atomic_path
from drc_runtime.errors import OutputError, UsageError
from drc_runtime.frames import Frame, Sink, View
from drc_runtime.images import Image
from drc_runtime.views.fit import fit

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction

CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
SMALLEST_SIDE = 16  # one macroblock; OpenCV 5.0's MJPG writer corrupts the heap for 4x4


class OpenCVVideoSink(Sink):
    """Writes what ``view`` returns as a video of constant rate.

    The first frame sets the size, rounded up to even numbers because the codecs store colour at half the size. Later frames
    of another size are fitted with black bars.

    Args:
        path: ends in ``.mp4`` or ``.avi``.
        rate: frames a second.
        view: makes the image from a frame and its extraction.
        hold: repeats a frame until the next one is due. For live sources, which drop frames: without it the video
            would play too fast.

    Raises:
        UsageError: another suffix.
        OutputError: the file cannot be written or is incomplete.
    """

    def __init__(self, path: Path, rate: Fraction, view: View, *, hold: bool = False) -> None:
        if path.suffix.lower() not in CODECS:
            raise UsageError(f"{path} is not a video that can be written; use one of: {', '.join(CODECS)}")
        self._path = path
        self._rate = rate
        self._view = view
        self._hold = hold
        self._written = 0
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._pending = atomic_path(path)
        self._temporary = self._pending.__enter__()

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        image = self._view(frame, extraction)
        if self._writer is None:
            self._open(image)
        fitted = cv2.cvtColor(fit(image, self._size), cv2.COLOR_RGB2BGR)
        repeats = max(1, int(frame.seconds * self._rate) + 1 - self._written) if self._hold else 1
        for _ in range(repeats):
            assert self._writer is not None
            self._writer.write(fitted)
        self._written += repeats

    def close(self) -> None:
        if self._writer is None:
            self.discard()
            return
        self._writer.release()
        if not self._is_complete():
            self.discard()
            raise OutputError(f"{self._path} could not be completed; is the disk full?")
        self._pending.__exit__(None, None, None)

    def discard(self) -> None:
        if self._writer is not None:
            self._writer.release()
        try:
            self._pending.__exit__(_Discarded, _Discarded(), None)
        except _Discarded:
            pass

    def _open(self, image: Image) -> None:
        height, width = (max(side + side % 2, SMALLEST_SIDE) for side in image.shape[:2])
        self._size = (height, width)
        codec = CODECS[self._path.suffix.lower()]
        self._writer = cv2.VideoWriter(
            str(self._temporary), cv2.VideoWriter.fourcc(*codec), float(self._rate), (width, height)
        )
        if not self._writer.isOpened():
            raise OutputError(f"cannot write {self._path}: OpenCV has no {codec} encoder for {width}x{height} here")

    def _is_complete(self) -> bool:
        """OpenCV's writer does not report a full disk, but then the index at the end of the file is missing."""
        written = cv2.VideoCapture(str(self._temporary), cv2.CAP_FFMPEG)
        try:
            return written.isOpened() and round(written.get(cv2.CAP_PROP_FRAME_COUNT)) == self._written
        finally:
            written.release()


class _Discarded(Exception):
    """Ends the pending ``atomic_path`` so that it removes the file."""
