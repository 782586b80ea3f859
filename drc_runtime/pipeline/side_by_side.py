"""Images of a source extracted side by side, in the place of one Extractor."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from drc_runtime.frames import Frame
from drc_runtime.images import Image
from drc_runtime.inference.extraction import Extraction
from drc_runtime.inference.pool import ExtractorPool

if TYPE_CHECKING:
    from drc_runtime.inference.extractor import Extractor


class SideBySide:
    """Takes the place of one Extractor for images that do not depend on each other; results come in their order.

    Attributes:
        first: one of the Extractors.
    """

    def __init__(self, extractors: "Sequence[Extractor]") -> None:
        """Takes Extractors of the same bundle and seed, one for each image at a time."""
        self.first = extractors[0]
        self._pool = ExtractorPool(extractors)
        self._begun: dict[int, Future[Extraction]] = {}

    def ahead(self, frames: Iterable[Frame], steps: Callable[[], int | None]) -> Generator[Frame, None, None]:
        """Yields ``frames`` in their order while it extracts those that follow; ``extract`` then waits for the result of each.

        Args:
            frames: with different indices.
            steps: gives the number of Langevin steps for the next image.
        """
        waiting: deque[Frame] = deque()
        for frame in frames:
            self._begun[frame.index] = self._submit(frame.image, steps(), frame.index)
            waiting.append(frame)
            if len(waiting) > self._pool.count:
                yield waiting.popleft()
        yield from waiting

    def extract(self, image: Image, *, steps: int | None = None, index: int | None = None) -> Extraction:
        """As ``Extractor.extract``; an image that ``ahead`` has begun was begun with the steps of that time."""
        begun = self._begun.pop(index, None) if index is not None else None
        return (begun or self._submit(image, steps, index)).result()

    def close(self) -> None:
        """Waits for the images that were begun, and leaves out those that were not."""
        self._pool.close()

    def _submit(self, image: Image, steps: int | None, index: int | None) -> Future[Extraction]:
        return self._pool.submit(lambda extractor: extractor.extract(image, steps=steps, index=index))
