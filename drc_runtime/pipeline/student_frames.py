"""From a frame to its mask with a model's student: one pass for each frame, whether it is an image, a video or a live source."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from drc_runtime.frames import Frame, Source
from drc_runtime.pipeline.failures import Failures

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction
    from drc_runtime.inference.student import StudentExtractor


class StudentFrames:
    """Extracts the frames of one source, as ``FrameExtractor`` does with a chain.

    Attributes:
        failures: lines about the frames on which the network failed, see ``Failures``.
    """

    camera = None
    """A student keeps no state of a camera."""

    def __init__(self, extractor: "StudentExtractor", source: Source) -> None:
        self._extractor, self._failures = extractor, Failures(source)
        self.failures = self._failures.lines

    def ahead(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """``frames``: a pass takes milliseconds, so that none is begun ahead."""
        return frames

    def extract(self, frame: Frame) -> "Extraction | None":
        """The foreground of the next frame; None if the network failed on it and the run goes on.

        Raises:
            EngineError: see ``Failures.attempt``.
        """
        return self._failures.attempt(frame, lambda it: self._extractor.extract(it.image))
