"""The frames of a video file, decoded as the runtime decodes them."""

from collections.abc import Iterator
from pathlib import Path

from drc_runtime.errors import SourceError
from drc_runtime.images import Image
from drc_runtime.sources.files import VideoSource


def read_frames(path: Path, every: int = 1) -> Iterator[Image]:
    """Yields frames 0, ``every``, 2 ``every``, ... as ``(H, W, 3)`` uint8 RGB.

    Raises:
        SourceError: not a video that can be read, or, after the last frame that could be read, damaged or cut short.
    """
    with VideoSource(path) as source:
        for index, frame in enumerate(source):
            if index % every == 0:
                yield frame.image
        # The runtime shows what there is and reports this afterwards; here nothing may be learned from less unasked.
        if source.failures:
            raise SourceError(f"{source.failures[0]}; copy or download it again")


def announced_frames(path: Path) -> int:
    """How many frames the file says it has, at least 1.

    Raises:
        SourceError: not a video that can be read.
    """
    with VideoSource(path) as source:
        return source.count or 1
