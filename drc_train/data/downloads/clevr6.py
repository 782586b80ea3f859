"""CLEVR with masks as TFRecords, scenes of at most 6 objects (Appendix A.4).

The framing of TFRecords is read here, because the available readers trust the lengths in the file, decompress it twice or
depend on TensorFlow. The contents of a record are parsed by protobuf.
"""

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from drc_runtime.errors import SourceError
from drc_runtime.images import Image
from drc_train.data.downloads.boxes import Square
from drc_train.data.masks import binary

LAYOUT = "clevr_with_masks_train.tfrecords of the multi-object datasets, or the folder that holds it"
FILE = "clevr_with_masks_train.tfrecords"
HEIGHT, WIDTH, ENTITIES = 240, 320, 11
MOST_OBJECTS = 6
CROP = Square(top=24, left=64, side=192)
"""The centre of an image (Appendix A.4)."""
RELEASED_CROP = Square(top=29, left=64, side=192)
"""That of the released code, which took it from IODINE's."""
SCENES = 70_000
"""Only the first scenes of the file are used."""
_LARGEST_RECORD = 1 << 23  # bytes; a scene has 3.2 MB


def read_scenes(root: Path, crop: Square = CROP) -> Iterator[tuple[Image, Image]]:
    """Yields images ``(192, 192, 3)`` uint8 RGB and masks ``(192, 192)`` uint8, 0 or 255, of at most 6 objects.

    Raises:
        SourceError: the file is missing, damaged, cut short before the 70,000th scene, or of another data set.
    """
    path = root / FILE if root.is_dir() else root
    for index, record in enumerate(_records(path)):
        if index == SCENES:
            return
        values = _values(record, f"{path}, scene {index}")
        visible = np.asarray(values["visibility"], np.float32) > 0.5
        if visible[1:].sum() <= MOST_OBJECTS:
            objects = values["mask"][1:].max(0)
            yield crop.cut(values["image"]), binary(crop.cut(objects))


def _records(path: Path) -> Iterator[bytes]:
    if path.exists() and not path.is_file():
        raise SourceError(f"{path} is not a plain file; expected {LAYOUT}")
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            file: Any = gzip.GzipFile(fileobj=raw) if compressed else raw
            while head := file.read(12):
                (length,) = struct.unpack_from("<Q", head.ljust(8, b"\xff"))
                if length > _LARGEST_RECORD:
                    raise SourceError(f"{path} is not a TFRecord file that can be read; expected {LAYOUT}")
                yield _exactly(file, length + 4, path)[:-4]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"{path} is damaged or cut short; download it again") from error
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}; expected {LAYOUT}") from error


def _exactly(file: BinaryIO, length: int, path: Path) -> bytes:
    data = file.read(length)
    if len(data) < length:
        raise SourceError(f"{path} is cut short; download it again")
    return data


def _example() -> Any:
    """The part of tf.train.Example that is used; in the wire format a map is a repeated entry of key and value."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="drc_example.proto", package="drc", syntax="proto3")
    messages: dict[str, list[tuple[str, int, int, int, str]]] = {
        "BytesList": [("value", 1, field.TYPE_BYTES, field.LABEL_REPEATED, "")],
        "FloatList": [("value", 1, field.TYPE_FLOAT, field.LABEL_REPEATED, "")],
        "Feature": [
            ("bytes_list", 1, field.TYPE_MESSAGE, field.LABEL_OPTIONAL, ".drc.BytesList"),
            ("float_list", 2, field.TYPE_MESSAGE, field.LABEL_OPTIONAL, ".drc.FloatList"),
        ],
        "Entry": [
            ("key", 1, field.TYPE_STRING, field.LABEL_OPTIONAL, ""),
            ("value", 2, field.TYPE_MESSAGE, field.LABEL_OPTIONAL, ".drc.Feature"),
        ],
        "Features": [("feature", 1, field.TYPE_MESSAGE, field.LABEL_REPEATED, ".drc.Entry")],
        "Example": [("features", 1, field.TYPE_MESSAGE, field.LABEL_OPTIONAL, ".drc.Features")],
    }
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for title, number, kind, label, type_name in fields:
            message.field.add(name=title, number=number, type=kind, label=label, type_name=type_name or None)  # type: ignore[arg-type]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)  # type: ignore[no-untyped-call]
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("drc.Example"))  # type: ignore[no-untyped-call]


Example = _example()


def _values(record: bytes, name: str) -> dict[str, Any]:
    """``image`` ``(240, 320, 3)``, ``mask`` ``(11, 240, 320)`` and ``visibility`` ``(11,)`` of a record.

    Raises:
        SourceError: another kind of record; the message starts with ``name``.
    """
    shapes = {"image": (HEIGHT, WIDTH, 3), "mask": (ENTITIES, HEIGHT, WIDTH)}
    values: dict[str, Any] = {}
    try:
        for entry in Example.FromString(record).features.feature:
            if entry.key in shapes:
                # Each pixel is a byte string of length 1.
                data = b"".join(entry.value.bytes_list.value)
                values[entry.key] = np.frombuffer(data, np.uint8).reshape(shapes[entry.key])
            elif entry.key == "visibility" and len(entry.value.float_list.value) == ENTITIES:
                values[entry.key] = list(entry.value.float_list.value)
    except (DecodeError, ValueError) as error:
        raise SourceError(f"{name} is not one of CLEVR with masks; expected {LAYOUT}") from error
    if len(values) < 3:
        raise SourceError(f"{name} lacks image, mask or visibility; expected {LAYOUT}")
    return values
