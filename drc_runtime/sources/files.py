"""Sources on the disk: an image, a folder of images, a video. No frame is dropped or repeated."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

from drc_runtime.errors import SourceError
from drc_runtime.frames import Frame, Source
from drc_runtime.images import list_images, read_image
from drc_runtime.sources.cut_short import is_cut_short
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
        images: their files.
        is_done: images for which it returns true are skipped and counted in ``skipped``; None: none.

    Raises:
        SourceError: no images, or two images whose results would have the same name.
    """

    rate = None
    live = False
    dropped = 0

    def __init__(self, folder: Path, images: list[Path] | None = None) -> None:
        self.images = list_images(folder) if images is None else images
        self.is_done: Callable[[Path], bool] | None = None
        self.count = len(self.images)
        self.paths = frozenset({folder.resolve()}.union(*map(_both_ends, self.images)))
        self.failures: list[str] = []
        by_stem: dict[str, Path] = {}
        for path in self.images:
            twin = by_stem.setdefault(path.stem, path)
            if twin is not path:
                raise SourceError(f"{twin.name} and {path.name} in {folder} would share one result; rename one of them")

    def __iter__(self) -> Iterator[Frame]:
        index = 0  # of the images that can be read: it decides their noise, here as in C++
        for path in self.images:
            if self.is_done is not None and self.is_done(path):
                self.skipped += 1
                index += 1
                continue
            try:
                image = read_image(path)
            except SourceError as error:
                self.failures.append(str(error))
                continue
            yield Frame(image, index, 0.0, path.stem)
            index += 1

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
        self.format = self._decoder.format
        self.paths = _both_ends(path)
        self.failures: list[str] = []

    def __iter__(self) -> Iterator[Frame]:
        expected = 0
        for index, seconds, image in self._decoder.frames():
            self._note_missing(expected, index)
            expected = index + 1
            yield Frame(image, index, seconds, f"{index:05d}")
        self._note_missing(expected, self._decoder.passed)
        if self._cut_short or self._decoder.missing:
            count = max(expected, self._decoder.passed)
            of = f" of {self.count}" if self.count is not None and self.count > count else ""
            self.failures.append(f"{self._path} is cut short: it ends after {count}{of} frames")

    def _note_missing(self, expected: int, index: int) -> None:
        if index > expected:
            which = f"frame {expected}" if index == expected + 1 else f"frames {expected} to {index - 1}"
            self.failures.append(f"{self._path} is damaged: {which} could not be decoded")

    def close(self) -> None:
        self._decoder.close()


def _both_ends(path: Path) -> frozenset[Path]:
    """The file and the symbolic link that names it: a run must overwrite neither."""
    return frozenset({path.resolve(), path.parent.resolve() / path.name})
