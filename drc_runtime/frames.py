"""The interfaces of a run: a frame, the source that it comes from, the sink that its result goes to."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from drc_runtime.images import Image

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction


@dataclass(frozen=True)
class Frame:
    """One image of a source.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        index: position in the source, from 0; a live source counts dropped frames too, a folder only the images that can be read.
        seconds: presentation time; 0 for still images.
        name: of its outputs: ``00000`` for frames of a video, the file's stem for an image.
        captured: ``time.monotonic()`` when the frame of a live source arrived; None for files.
    """

    image: Image
    index: int
    seconds: float
    name: str
    captured: float | None = None


@dataclass(frozen=True)
class VideoFormat:
    """How the pixels of a video are to be shown; a video that is made of it keeps this. Codes are those of ITU-T H.273.

    Attributes:
        aspect: width of a pixel divided by its height.
        matrix: code of the colour matrix; None for sources of RGB images: chosen by the size of the result.
        primaries, transfer: codes of the colour primaries and the transfer function; 2: not stated.
        full_range: black is 0 and white 255, and not 16 and 235.
        first_field: ``top`` or ``bottom`` for interlaced frames, else None.
    """

    aspect: Fraction = Fraction(1)
    matrix: int | None = None
    primaries: int = 2
    transfer: int = 2
    full_range: bool = False
    first_field: str | None = None

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """Reads the fields as ``decoder_worker.py`` writes them; what is missing keeps its default.

        Raises:
            ValueError, TypeError: not such fields.
        """
        aspect = Fraction(values.get("aspect", 1)).limit_denominator(1 << 15)
        return cls(**{**values, "aspect": aspect if 0 < aspect < 1 << 15 else Fraction(1)})


class View(Protocol):
    """What an output shows of a frame: ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA, uint8, read-only."""

    def __call__(self, frame: Frame, extraction: "Extraction", /) -> NDArray[np.uint8]: ...


class Source(Protocol):
    """Where frames come from; a context manager that is iterated once.

    Attributes:
        rate: frames per second; None for still images.
        count: number of frames; None if it is not known before they are read.
        live: whether it is a camera or a stream, of which only the latest frame matters.
        paths: resolved files and folders that are read; no output may replace them.
        failures: one line for each item that could not be read; the other items are read.
        dropped: frames of a live source that a later one replaced before they were asked for.
        state: ``connecting``, ``live`` or ``lost``; a file is always ``live``.
        reconnects: how often a live source was lost and opened again.
        skipped: images that were left out because an earlier run has done them.
        format: how the frames are to be shown.
    """

    rate: Fraction | None
    count: int | None
    live: bool
    paths: frozenset[Path]
    failures: list[str]
    dropped: int
    state: str = "live"
    reconnects: int = 0
    skipped: int = 0
    format: VideoFormat = VideoFormat()

    @property
    def is_still(self) -> bool:
        """Whether the frames are images that have nothing to do with each other, so that each starts from noise."""
        return self.rate is None

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Sink(Protocol):
    """Where results go; a context manager that closes on a clean exit and discards after an error.

    ``close`` gives the result its final name. ``discard`` leaves nothing incomplete under a final name; what is already
    complete, such as the masks of earlier frames or a result that was closed before, stays.
    """

    def write(self, frame: Frame, extraction: "Extraction") -> None: ...

    def close(self) -> None: ...

    def discard(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()
