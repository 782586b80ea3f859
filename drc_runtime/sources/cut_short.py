"""Whether a video file ends before its own structure says so. FFmpeg decodes such a file without an error."""

import os
import struct
from typing import BinaryIO

TS_PACKET, M2TS_PACKET, TS_SYNC = 188, 192, 0x47
EBML, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_PROPERTIES, LARGEST_ASF_HEADER = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"), 1 << 16
OGG_PAGE, LARGEST_OGG_PAGE = b"OggS", 65_307


def is_cut_short(file: BinaryIO) -> bool:
    """Whether the last element of the file extends past its end.

    MP4 and MOV: the last top-level box. AVI: the last chunk. Matroska and WebM: the segment, or its last element if the segment
    states no size. MPEG-TS: the last packet. FLV: the last tag. Ogg: the last page, which has to be marked as the last one. WMV:
    the stated size. Data that a recorder appended after the last box or chunk is ignored. It says False for other formats, and
    for an end that lies exactly between two elements.
    """
    size = file.seek(0, os.SEEK_END)
    head = _read(file, 0, 16)
    if head.startswith(b"RIFF"):
        return _is_riff_cut(file, size)
    if head[4:8] == b"ftyp":
        return _is_box_cut(file, size)
    if head.startswith(struct.pack(">I", EBML)):
        return _is_ebml_cut(file, size)
    if head.startswith(OGG_PAGE):
        return _is_ogg_cut(file, size)
    if head.startswith(b"FLV\1"):
        return _is_flv_cut(file, size)
    if head == ASF_HEADER:
        return _is_asf_cut(file, size)
    return _is_ts_cut(file, size)


def _is_asf_cut(file: BinaryIO, size: int) -> bool:
    """The header states the size of the file, unless it is marked as a broadcast."""
    head = _read(file, 0, LARGEST_ASF_HEADER)
    at = head.find(ASF_PROPERTIES)
    if at < 0 or at + 92 > len(head) or head[at + 88] & 1:
        return False
    return _integer("<Q", head[at + 40 :], 0) > size


def _is_riff_cut(file: BinaryIO, size: int) -> bool:
    position = 0
    while position + 8 <= size:
        head = _read(file, position, 8)
        if not head.startswith(b"RIFF"):
            return False
        position += 8 + _integer("<I", head, 4)
    return position > size + 8  # some writers count one header twice


def _is_box_cut(file: BinaryIO, size: int) -> bool:
    position = 0
    while position + 8 <= size:
        head = _read(file, position, 16)
        length = _integer(">I", head, 0)
        if length == 1:
            length = _integer(">Q", head, 8)
        if not head[4:8].isalnum() or length < 8:  # length 0: the box extends to the end of the file
            return False
        position += length
    return position > size + 8


def _is_ebml_cut(file: BinaryIO, size: int) -> bool:
    """Walks the top level, where files follow each other, and into a segment or cluster without a size."""
    position = 0
    while position < size:
        head = _read(file, position, 12)
        name, at = _variable(head, 0, keep_marker=True)
        length, after = _variable(head, at, keep_marker=False)
        if name is None or after == 0:  # nonsense, or the header itself is cut
            return position + 12 > size and position > 0
        position += after
        if length is not None:
            position += length
        elif name not in (SEGMENT, CLUSTER):
            return False
    return position > size


def _variable(data: bytes, at: int, *, keep_marker: bool) -> tuple[int | None, int]:
    """An EBML number and the offset behind it; None for the size that means "unknown"; offset 0 if it is not whole."""
    if at >= len(data) or data[at] == 0 or (width := 9 - data[at].bit_length()) > len(data) - at:
        return None, 0
    value = int.from_bytes(data[at : at + width])
    if keep_marker:
        return value, at + width
    value &= (1 << 7 * width) - 1
    return (None if value == (1 << 7 * width) - 1 else value), at + width


def _is_ogg_cut(file: BinaryIO, size: int) -> bool:
    start = max(0, size - 2 * LARGEST_OGG_PAGE)
    tail = _read(file, start, 2 * LARGEST_OGG_PAGE)
    at = tail.rfind(OGG_PAGE)
    if at < 0 or at + 27 > len(tail):
        return True
    lengths = tail[at + 27 : at + 27 + tail[at + 26]]
    ends = at + 27 + tail[at + 26] + sum(lengths)
    return ends > len(tail) or not tail[at + 5] & 4


def _is_flv_cut(file: BinaryIO, size: int) -> bool:
    """The file ends with the size of its last tag."""
    length = _integer(">I", _read(file, size - 4, 4), 0)
    tag = _read(file, size - 4 - length, 4) if 11 <= length <= size - 13 else b"\0\0\0\0"
    return int.from_bytes(tag[1:]) + 11 != length


def _is_ts_cut(file: BinaryIO, size: int) -> bool:
    for packet, offset in ((TS_PACKET, 0), (M2TS_PACKET, 4)):
        last = size // packet * packet
        syncs = [_read(file, position + offset, 1) for position in (0, packet, 2 * packet, last - packet, last)]
        if size >= 3 * packet and set(syncs[:4]) == {bytes([TS_SYNC])}:
            return size > last and (size - last <= offset or syncs[4] == bytes([TS_SYNC]))
    return False


def _read(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(max(0, position))
    return file.read(count)


def _integer(layout: str, data: bytes, offset: int) -> int:
    return int(struct.unpack_from(layout, data.ljust(16, b"\0"), offset)[0])
