"""The frames of a video file, decoded as the runtime decodes them."""

from collections.abc import Iterator
from pathlib import Path

from drc_runtime.errors import SourceError
from drc_runtime.images import Image
from drc_runtime.sources.files import VideoSource


def read_frames(path: Path, every: int = 1) -> Iterator[Image]:
    """Yields frames 0, ``every``, 2 ``every``, ... as ``(H, W, 3)`` uint8 RGB.

    Raises:
        SourceError: not a readable video; or, after the last readable frame, that the file is damaged or cut short.
    """
    with VideoSource(path) as source:
        for index, frame in enumerate(source):
            if index % every == 0:
                yield frame.image
        # drc run only reports this; training on a part of the video needs the user's consent
        if source.failures:
            raise SourceError(f"{source.failures[0]}; copy or download it again")


def announced_frames(path: Path) -> int:
    """The number of frames that the file announces, at least 1.

    Raises:
        SourceError: not a readable video.
    """
    with VideoSource(path) as source:
        return source.count or 1
