"""Several Extractors of one thread each, which work side by side: on a processor faster than one of several threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from drc_runtime.inference.extractor import Extractor

T = TypeVar("T")


class ExtractorPool:
    """Gives each piece of work an Extractor of its own for as long as it takes.

    Attributes:
        count: of the Extractors.
    """

    def __init__(self, extractors: "Sequence[Extractor]") -> None:
        """Takes Extractors of the same bundle and settings."""
        self.count = len(extractors)
        self._idle: SimpleQueue[Extractor] = SimpleQueue()
        for extractor in extractors:
            self._idle.put(extractor)
        self._threads = ThreadPoolExecutor(self.count, "drc-image")

    def submit(self, work: "Callable[[Extractor], T]") -> Future[T]:
        """Begins ``work`` as soon as an Extractor is idle."""
        return self._threads.submit(self._with_one, work)

    def close(self) -> None:
        """Waits for the work that has begun, and leaves out the rest."""
        self._threads.shutdown(cancel_futures=True)

    def _with_one(self, work: "Callable[[Extractor], T]") -> T:
        extractor = self._idle.get()
        try:
            return work(extractor)
        finally:
            self._idle.put(extractor)
