"""What an image file is: its format by its first bytes, and its size and colour profile by its header, before it is decoded."""

import os
import re
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from drc_runtime.errors import SourceError, UsageError

READ = ("JPEG", "PNG", "WebP", "TIFF", "BMP", "PPM", "JPEG 2000", "GIF")
"""The formats that are read; PPM includes PGM and PBM, and a GIF is an image if it does not move."""
CONVERT = "convert it to PNG or JPEG"
REFUSED = {
    "HEIC": f"{CONVERT}, for example with: heif-convert IN OUT.png",
    "AVIF": f"{CONVERT}, for example with: avifdec IN OUT.png",
    "JPEG XL": f"{CONVERT}, for example with: djxl IN OUT.png",
    "Photoshop": "save a copy of it as PNG or JPEG",
    "camera raw": "develop it to TIFF, PNG or JPEG",
}
"""Formats that are recognised and not read, each with its way out."""
IMAGE_SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .bmp .dib .webp .tif .tiff .ppm .pgm .pbm .pnm .jp2 .heic .heif .hif .avif .jxl .psd"
    " .dng .cr2 .cr3 .nef .arw .orf .rw2 .raf".split()
)
"""Suffixes of files that say they are images. Only where the content says nothing, the suffix decides."""
STREAM_SUFFIXES = frozenset({".mjpg", ".mjpeg"})
"""Videos that consist of JPEGs, one after the other."""
HEAD = 64
"""Bytes that ``format_of`` needs."""

VARIABLE = "DRC_MAX_PIXELS"
"""Environment variable with the largest number of pixels of an image."""
MAX_PIXELS = 200_000_000
"""Width times height of the largest image that is decoded, if the variable is not set. It takes 0.6 GB."""
OPENCV_PIXELS, OPENCV_SIDE = 1 << 30, 1 << 20
"""OpenCV decodes no more pixels, and no longer side, than these."""
LARGEST_PROFILE = 1 << 24  # bytes; a profile of a printer has 1 to 3 MB

_MAGIC = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "WebP"),
    (re.compile(rb"(II[*+]\0|MM\0[*+]).{4}CR", re.DOTALL), "camera raw"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "TIFF"),
    (re.compile(rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL), "BMP"),
    (re.compile(rb"P[1-6][\s#]"), "PPM"),
    (re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"), "JPEG 2000"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "AVIF"),
    (re.compile(rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1|heif)", re.DOTALL), "HEIC"),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "JPEG XL"),
    (re.compile(rb"8BPS"), "Photoshop"),
    (re.compile(rb"....ftypcrx |FUJIFILMCCD-RAW|IIRO|IIU\0", re.DOTALL), "camera raw"),
)
_PNG_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf", b"acTL", b"fcTL", b"fdAT"})
"""The chunks that decide the pixels."""
DEFLATE_LIMIT = 1032  # the largest compression ratio that DEFLATE can reach


class Header(NamedTuple):
    """What an image file says about itself."""

    format: str
    """One of ``READ``."""
    width: int
    height: int
    profile: bytes | None = None
    """The ICC profile of its colours, if it has one."""


def format_of(head: bytes) -> str | None:
    """The format whose mark a file's first bytes are: one of ``READ`` or of ``REFUSED``; None for anything else."""
    return next((name for mark, name in _MAGIC if mark.match(head)), None)


def is_image_file(path: Path) -> bool:
    """Whether a file is an image, readable or not: by its first bytes, and by its suffix if these say nothing.

    Raises:
        OSError: it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in STREAM_SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(HEAD)
    found = format_of(head)
    if found == "GIF":
        return not _moves(path)
    return found is not None or (suffix in IMAGE_SUFFIXES and not _is_video(head))


def read_header(data: bytes, name: str) -> Header:
    """The header of an image file.

    Args:
        data: the whole file.
        name: what the error calls it.

    Raises:
        SourceError: no image, one of a format that is not read, damaged, cut short, or larger than allowed.
        UsageError: the environment variable ``DRC_MAX_PIXELS`` is not a number that is possible.
    """
    found = format_of(data[:HEAD])
    if found is None:
        raise SourceError(f"{name} is not an image that can be read; the formats are: {', '.join(READ)}")
    if found in REFUSED:
        raise SourceError(f"{name} is an image of the kind {found}, which is not read: {REFUSED[found]}")
    if found == "JPEG" and not _jpeg_is_whole(data):
        raise SourceError(f"{name} is cut short; copy or download it again")
    try:
        header = _HEADERS[found](data, found) if found in _HEADERS else _other_header(data, found, name)
    except (struct.error, zlib.error, SyntaxError, ValueError, KeyError, TypeError, IndexError, OSError) as error:
        raise SourceError(f"{name} is not an image that can be read: its {found} header is damaged") from error
    if header.format in REFUSED:
        raise SourceError(
            f"{name} is an image of the kind {header.format}, which is not read: {REFUSED[header.format]}"
        )
    if found == "PNG" and not _png_is_whole(data, header):
        raise SourceError(f"{name} is cut short; copy or download it again")
    _check_size(header, name)
    return header


def largest_image() -> int:
    """Width times height of the largest image that is decoded: ``$DRC_MAX_PIXELS``, else ``MAX_PIXELS``.

    Raises:
        UsageError: the variable's value is not a whole number from 1 to 2^30, OpenCV's own limit.
    """
    text = os.environ.get(VARIABLE, "")
    if not text:
        return MAX_PIXELS
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= OPENCV_PIXELS):
        raise UsageError(f"{VARIABLE}={text[:40]}: give a number of pixels from 1 to {OPENCV_PIXELS}, or unset it")
    return int(text)


def plain_png(data: bytes) -> bytes:
    """A PNG with only the chunks that decide its pixels; libpng prints the text of others on the terminal."""
    kept = [data[:8]]
    for kind, start, end in _png_chunks(data):
        if kind in _PNG_CHUNKS:
            kept.append(data[start:end])
    return b"".join(kept)


def _check_size(header: Header, name: str) -> None:
    width, height, most = header.width, header.height, largest_image()
    if width < 1 or height < 1:
        raise SourceError(f"{name} is damaged: its header says {width}x{height} pixels; copy or download it again")
    if width * height > OPENCV_PIXELS or max(width, height) > OPENCV_SIDE:
        limits = f"{OPENCV_PIXELS} pixels, {OPENCV_SIDE} on a side"
        raise SourceError(f"{name} says {width}x{height} pixels, more than can be decoded ({limits}); scale it down")
    if width * height > most:
        raise SourceError(
            f"{name} says {width}x{height} pixels, more than the {most} that are read; "
            f"scale it down, or set {VARIABLE}={width * height} to read it"
        )


def _is_video(head: bytes) -> bool:
    """Whether a file without an image's mark has that of a common container of videos."""
    return re.match(rb"....ftyp|RIFF....AVI |\x1aE\xdf\xa3|\0\0\x01\xba", head, re.DOTALL) is not None


def _moves(path: Path) -> bool:
    from PIL.GifImagePlugin import GifImageFile

    try:
        with path.open("rb") as file:
            return bool(GifImageFile(file).is_animated)
    except (SyntaxError, ValueError, OSError, EOFError, struct.error):
        return False


def _png_chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk, as far as they lie in the data."""
    chunks, position = [], 8
    while position + 12 <= len(data):
        kind = data[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(data[position : position + 4])
        chunks.append((kind, position, end))
        if kind == b"IEND":
            break
        position = end
    return chunks


def _png_header(data: bytes, found: str) -> Header:
    width, height = struct.unpack_from(">II", data, 16)
    profile = None
    for kind, start, end in _png_chunks(data):
        if kind == b"iCCP":
            _, _, packed = data[start + 8 : end - 4].partition(b"\0")
            profile = zlib.decompressobj().decompress(packed[1:], LARGEST_PROFILE)
        if kind == b"IDAT":
            break
    return Header(found, width, height, profile)


def _png_is_whole(data: bytes, header: Header) -> bool:
    """Whether the chunks lead to the end mark and the header states no more pixels than the data can hold.

    Without this check OpenCV allocates gigabytes for a damaged length or header.
    """
    chunks = _png_chunks(data)
    ended = bool(chunks) and chunks[-1][0] == b"IEND" and chunks[-1][2] <= len(data)
    return ended and header.width * header.height * data[24] // 8 <= len(data) * DEFLATE_LIMIT


def _webp_header(data: bytes, found: str) -> Header:
    width = height = 0
    profile, position = None, 12
    while position + 8 <= len(data) and not (width and position > 12 and data[12:16] != b"VP8X"):
        kind, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        body = data[position + 8 : position + 8 + min(length, LARGEST_PROFILE)]
        if kind == b"VP8X":
            width, height = (1 + int.from_bytes(body[at : at + 3], "little") for at in (4, 7))
        elif kind == b"VP8 " and not width:
            width, height = (it & 0x3FFF for it in struct.unpack_from("<HH", body, 6))
        elif kind == b"VP8L" and not width:
            (bits,) = struct.unpack_from("<I", body, 1)
            width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        elif kind == b"ICCP":
            profile = body
        position += 8 + length + length % 2
    return Header(found, width, height, profile)


def _tiff_header(data: bytes, found: str) -> Header:
    """Of the first image, by the entries of its directory."""
    order, big = "<" if data[:2] == b"II" else ">", b"+" in data[2:4]
    start, entry = ("Q", order + "HHQ8s") if big else ("I", order + "HHI4s")
    (position,) = struct.unpack_from(order + start, data, 8 if big else 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, position)
    position += 8 if big else 2
    tags: dict[int, int] = {}
    profile = None
    for index in range(min(count, 4096)):
        tag, kind, length, value = struct.unpack_from(entry, data, position + index * struct.calcsize(entry))
        (tags[tag],) = struct.unpack_from(order + ("H" if kind == 3 else start), value)
        if tag == 34675 and length <= LARGEST_PROFILE:
            profile = data[tags[tag] : tags[tag] + length]
    reduced = bool(tags.get(254, 0) & 1)  # the first image is a preview, as in camera raw files
    raw = (
        50706 in tags or 33421 in tags or (reduced and 330 in tags)
    )  # DNG's version, a colour filter array, sub-images
    return Header("camera raw" if raw else found, tags[256], tags[257], profile)


def _other_header(data: bytes, found: str, name: str) -> Header:
    """By Pillow's readers, whose constructors read the header alone."""
    from PIL import BmpImagePlugin, GifImagePlugin, Jpeg2KImagePlugin, JpegImagePlugin, PpmImagePlugin

    readers: dict[str, Callable[[BytesIO], Any]] = {
        "JPEG": JpegImagePlugin.JpegImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
        "PPM": PpmImagePlugin.PpmImageFile,
        "JPEG 2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
        "GIF": GifImagePlugin.GifImageFile,
    }
    with readers[found](BytesIO(data)) as image:
        if getattr(image, "is_animated", False):
            raise SourceError(f"{name} is an animation, not an image; give it alone, to be read as a video")
        return Header(found, image.width, image.height, image.info.get("icc_profile"))


_HEADERS = {"PNG": _png_header, "WebP": _webp_header, "TIFF": _tiff_header}


def _jpeg_is_whole(data: bytes) -> bool:
    """Whether a JPEG has its end mark: older OpenCV fills the missing part with grey and reports no error."""
    return data.find(b"\xff\xd9", _start_of_scan(data)) >= 0


def _start_of_scan(data: bytes) -> int:
    """Offset of a JPEG's pixel data; a thumbnail before it has an end mark of its own."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != 0xDA:
        fill = data[position + 1] == 0xFF
        position += 1 if fill else 2 + int.from_bytes(data[position + 2 : position + 4])
    return position
