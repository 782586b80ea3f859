"""The mark in files that drc writes: it tells a result of drc from a file of a user.

An image or a video gets the mark before it gets its name, in a place that every reader of the format skips. A PNG's mark has the
hash of the content, so that an image that a user has edited has no valid mark; programs that edit videos do not copy it.
"""

import os
import zlib
from hashlib import sha256
from pathlib import Path

_WORD = b"written by drc"
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"
_TRAILERS = {
    ".mp4": (8 + len(_WORD)).to_bytes(4, "big") + b"free" + _WORD,
    ".mov": (8 + len(_WORD)).to_bytes(4, "big") + b"free" + _WORD,
    ".avi": b"JUNK" + len(_WORD).to_bytes(4, "little") + _WORD,
    ".webm": b"\xec" + bytes([0x80 | len(_WORD)]) + _WORD,
}
"""For each suffix an empty box (ISO BMFF), chunk (RIFF) or element (EBML) that stands at the end of the file."""


def mark(path: Path, suffix: str) -> None:
    """Marks a complete file; of a format without a mark, nothing is done.

    Args:
        path: the file.
        suffix: of its format, in lower case.

    Raises:
        OSError: it cannot be read or written.
    """
    if suffix == ".png":
        data = path.read_bytes()
        if data.endswith(_PNG_END):
            body = data.removesuffix(_PNG_END)
            with open(path, "rb+") as file:
                file.seek(len(body))
                file.write(_png_mark(body) + _PNG_END)
    elif suffix in _TRAILERS:
        with open(path, "ab") as file:
            file.write(_TRAILERS[suffix])


def is_marked(path: Path) -> bool:
    """Whether drc wrote a file, and nobody changed it since; False for formats without a mark.

    Raises:
        OSError: it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".png":
        data = path.read_bytes()
        length = len(_png_mark(b"")) + len(_PNG_END)
        body = data[:-length]
        return data.startswith(_PNG) and data[-length:] == _png_mark(body) + _PNG_END
    trailer = _TRAILERS.get(suffix)
    if trailer is None or path.stat().st_size < len(trailer):
        return False
    with open(path, "rb") as file:
        file.seek(-len(trailer), os.SEEK_END)
        return file.read() == trailer


def is_damaged_png(data: bytes) -> bool:
    """Whether bytes are the beginning of a PNG without its end, or zeros, as a power failure leaves them."""
    return not any(data) or (data.startswith(_PNG[: len(data)]) and _PNG_END not in data[-256:])


def _png_mark(body: bytes) -> bytes:
    """A tEXt chunk with the hash of what stands before it."""
    content = b"tEXtSoftware\0drc " + sha256(body).hexdigest().encode()
    return (len(content) - 4).to_bytes(4, "big") + content + zlib.crc32(content).to_bytes(4, "big")
