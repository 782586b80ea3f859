"""What flows through a run: a frame, the source that it comes from, the sink that its result goes to."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

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
        index: position in the source, from 0; a live source counts the frames that it dropped, too.
        seconds: presentation time; 0 for still images.
        name: what outputs are called: ``00000`` for frames of a video, the file's stem for an image.
        captured: ``time.monotonic()`` when the frame of a live source came; None for what lies on the disk.
    """

    image: Image
    index: int
    seconds: float
    name: str
    captured: float | None = None


class View(Protocol):
    """What an output shows of a frame: ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA, uint8, not to be written into."""

    def __call__(self, frame: Frame, extraction: "Extraction", /) -> NDArray[np.uint8]: ...


class Source(Protocol):
    """Where frames come from; a context manager that is iterated once.

    Attributes:
        rate: frames a second; None for still images.
        count: number of frames, as far as it is known before they are read.
        live: a camera or a stream, of which only the latest frame matters.
        paths: resolved files and folders that are read, so that no output takes their place.
        failures: one line for each item that could not be read; the rest is read all the same.
        dropped: frames of a live source that were replaced by a later one before they were asked for.
        state: ``connecting``, ``live`` or ``lost``; what lies on the disk is always ``live``.
        reconnects: how often a live source was lost and opened anew.
        skipped: images that were left out because an earlier run has done them.
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

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Sink(Protocol):
    """Where results go; a context manager that keeps what it wrote on a clean exit only.

    ``close`` moves the result into place. ``discard`` leaves nothing half-written under a final name; what is already
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
