"""Standard input: one image file, or raw frames from another program."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from drc_runtime.errors import SourceError, UsageError
from drc_runtime.frames import Frame, Source
from drc_runtime.images import decode_image

LARGEST_IMAGE_BYTES = 1 << 28
LARGEST_SIDE = 1 << 14
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class RawLayout:
    """The layout of raw frames: rgb24, ``height * width * 3`` bytes each, without anything between them."""

    width: int
    height: int
    rate: Fraction = Fraction(25)

    @classmethod
    def parse(cls, text: str) -> "RawLayout":
        """Reads ``WIDTHxHEIGHT`` or ``WIDTHxHEIGHT@FPS``; FPS may be ``30``, ``29.97`` or ``30000/1001``.

        Raises:
            UsageError: another form, or a number out of range.
        """
        match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})(?:@([0-9]{1,9}(?:\.[0-9]{1,6}|/[0-9]{1,9})?))?", text)
        try:
            if match is None:
                raise ValueError
            layout = cls(int(match[1]), int(match[2]), Fraction(match[3] or 25))
        except (ValueError, ZeroDivisionError):
            raise UsageError(
                f"--raw {text}: write WIDTHxHEIGHT or WIDTHxHEIGHT@FPS, such as 640x480@30000/1001"
            ) from None
        if not (1 <= layout.width <= LARGEST_SIDE and 1 <= layout.height <= LARGEST_SIDE and 0 < layout.rate <= 1000):
            raise UsageError(f"--raw {text}: sides are 1 to {LARGEST_SIDE} pixels, frames a second above 0 to 1000")
        return layout


class StdinImage(Source):
    """One image file, read when the source is opened.

    Raises:
        SourceError: no data, or not an image.
    """

    rate = None
    count = 1
    live = False
    dropped = 0

    def __init__(self, handle: int = 0) -> None:
        self.paths: frozenset[Path] = frozenset()
        self.failures: list[str] = []
        data = bytearray()
        while chunk := os.read(handle, CHUNK_BYTES):
            data += chunk
            if len(data) > LARGEST_IMAGE_BYTES:
                raise SourceError("standard input is too long for an image; for raw frames add --raw WIDTHxHEIGHT")
        if not data:
            raise SourceError("nothing comes from standard input; try: drc run - < image.jpg")
        self._frame = Frame(decode_image(bytes(data), "standard input"), 0, 0.0, "stdin")

    def __iter__(self) -> Iterator[Frame]:
        yield self._frame

    def close(self) -> None:
        pass


class RawStream(Source):
    """Raw frames. None is dropped: the program that writes them waits while the pipe is full.

    Reading raises ``SourceError`` if the input ends before a single byte came: the program that should write failed.
    """

    count = None
    live = False
    dropped = 0

    def __init__(self, layout: RawLayout, handle: int = 0) -> None:
        self.rate: Fraction | None = layout.rate
        self.paths: frozenset[Path] = frozenset()
        self.failures: list[str] = []
        self._layout = layout
        self._pipe = open(handle, "rb", buffering=0, closefd=False)

    def __iter__(self) -> Iterator[Frame]:
        layout = self._layout
        index = 0
        while True:
            image = np.empty((layout.height, layout.width, 3), np.uint8)
            got = self._fill(image.reshape(-1).data)
            if got < image.nbytes:
                if not got and not index:
                    raise SourceError(
                        "nothing comes from standard input; look at the program that should write the frames"
                    )
                if got:
                    part = f"{got} of {image.nbytes} bytes"
                    self.failures.append(f"standard input ends within frame {index}, after {part}; is --raw right?")
                return
            yield Frame(image, index, float(index / layout.rate), f"{index:05d}")
            index += 1

    def _fill(self, buffer: memoryview) -> int:
        """Reads until the buffer is full or the input ends; returns the number of bytes.

        It avoids ``sys.stdin.buffer``: Python aborts on exit if a thread waits in it.
        """
        got = 0
        while got < len(buffer) and (count := self._pipe.readinto(buffer[got:])):
            got += count
        return got

    def close(self) -> None:
        pass
