"""Sources on the disk: an image, a folder of images, a video. No frame is dropped or repeated."""

import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from drc_runtime.errors import SourceError
from drc_runtime.frames import Frame, Source
from drc_runtime.images import list_images, read_image
from drc_runtime.sources.decoder import Decoder
from drc_runtime.sources.refusals import why_no_file, why_no_video


class ImageSource(Source):
    """One image, read when the source is opened.

    Raises:
        SourceError: it is missing, not an image, or truncated.
    """

    rate = None
    count = 1
    live = False
    dropped = 0

    def __init__(self, path: Path) -> None:
        self.paths = _both_ends(path)
        self.failures: list[str] = []
        self._frame = Frame(read_image(path), 0, 0.0, path.stem)

    def __iter__(self) -> Iterator[Frame]:
        yield self._frame

    def close(self) -> None:
        pass


class FolderSource(Source):
    """The images of a folder in natural order. One that cannot be read is skipped and gets a line in ``failures``.

    Args:
        folder: the folder.
        images: the images to read, in this order; None: all images of the folder.

    Attributes:
        is_done: images for which it returns true are skipped and counted in ``skipped``; None: none.

    Raises:
        SourceError: no images, or two images whose results would have the same name.
    """

    rate = None
    live = False
    dropped = 0

    def __init__(self, folder: Path, images: list[Path] | None = None) -> None:
        self._images = list_images(folder) if images is None else images
        self.is_done: Callable[[Path], bool] | None = None
        self.count = len(self._images)
        self.paths = frozenset({folder.resolve(), *(path.resolve() for path in self._images)})
        self.failures: list[str] = []
        by_stem: dict[str, Path] = {}
        for path in self._images:
            twin = by_stem.setdefault(path.stem, path)
            if twin is not path:
                raise SourceError(f"{twin.name} and {path.name} in {folder} would share one result; rename one of them")

    def __iter__(self) -> Iterator[Frame]:
        for index, path in enumerate(self._images):
            if self.is_done is not None and self.is_done(path):
                self.skipped += 1
                continue
            try:
                image = read_image(path)
            except SourceError as error:
                self.failures.append(str(error))
                continue
            yield Frame(image, index, 0.0, path.stem)

    def close(self) -> None:
        pass


class VideoSource(Source):
    """Every frame of a video file, decoded in a worker process.

    Raises:
        SourceError: on opening, it is missing or not a video; while iterating, the decoder crashed.
    """

    live = False
    dropped = 0

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            problem = None if path.is_file() else why_no_file(path)
            if problem is not None:  # opening a pipe would wait without end
                raise SourceError(problem)
            with open(path, "rb") as file:
                self._cut_short = is_cut_short(file)
        except OSError as error:
            raise SourceError(f"cannot read {path}: {error.strerror}") from error
        if path.stat().st_size == 0:
            raise SourceError(f"{path} is empty; copy or download it again")
        try:
            self._decoder = Decoder("file", str(path.resolve()), name=str(path), refusal="")
        except SourceError as error:  # the decoder's own words are how it crashed, if it did
            raise SourceError(f"{why_no_video(path, self._cut_short)}{error}") from error
        self.rate: Fraction | None = self._decoder.rate
        self.count = self._decoder.count
        self.paths = _both_ends(path)
        self.failures: list[str] = []

    def __iter__(self) -> Iterator[Frame]:
        expected = 0
        for index, seconds, image in self._decoder.frames():
            if index > expected:
                which = f"frame {expected}" if index == expected + 1 else f"frames {expected} to {index - 1}"
                self.failures.append(f"{self._path} is damaged: {which} could not be decoded")
            expected = index + 1
            yield Frame(image, index, seconds, f"{index:05d}")
        # Only AVI states its exact number of frames; other containers estimate it, or count frames that an edit list
        # hides.
        missing = self._path.suffix.lower() == ".avi" and self.count is not None and expected < self.count
        if self._cut_short or missing:
            of = f" of {self.count}" if missing else ""
            self.failures.append(f"{self._path} is cut short: it ends after {expected}{of} frames")

    def close(self) -> None:
        self._decoder.close()


def _both_ends(path: Path) -> frozenset[Path]:
    """The file and the symbolic link that names it: a run must overwrite neither."""
    return frozenset({path.resolve(), path.parent.resolve() / path.name})


def is_cut_short(file: BinaryIO) -> bool:
    """Whether the last top-level box (MP4, MOV) or chunk (AVI) extends past the end of the file.

    OpenCV decodes a truncated file without an error. Data that a recorder appended after the last box or chunk is ignored.
    """
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(8)
    riff = head.startswith(b"RIFF")
    if not riff and not head.endswith(b"ftyp"):
        return False
    position = 0
    while position + 8 <= size:
        file.seek(position)
        head = file.read(16).ljust(16, b"\0")
        length = 8 + _integer("<I", head, 4) if riff else _integer(">I", head, 0)
        if not riff and length == 1:
            length = _integer(">Q", head, 8)
        foreign = not head.startswith(b"RIFF") if riff else not head[4:8].isalnum()
        if foreign or length < 8:  # length 0: the box extends to the end of the file
            return False
        position += length
    return position > size + 8  # some writers count one header twice


def _integer(layout: str, data: bytes, offset: int) -> int:
    return int(struct.unpack_from(layout, data, offset)[0])
