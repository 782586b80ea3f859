"""What an ONNX graph of a bundle may not hold, found in its bytes before any engine sees them.

An engine that loads a graph follows external data to other files and custom operator domains to other code, so a
bundle from a stranger must have neither. The protobuf wire format is walked here, because the runtime has no onnx
package; only the messages that can lead to a tensor or to a domain are entered (onnx.proto, IR versions 3 to 14).
"""

from collections.abc import Iterator

from drc_runtime.errors import BundleError

# message -> {field number: the message it holds}. Everything else is skipped over by its length.
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
    "opset": {},
}
_DOMAIN_FIELD = {"node": 7, "function": 10, "opset": 1}
_DOMAINS = (b"", b"ai.onnx")
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # fields of a tensor

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Real graphs nest about ten messages and have some ten thousand fields; the limits keep a hostile one cheap.
_DEEPEST = 64
_MOST_FIELDS = 2_000_000


def check_model(data: bytes, name: str) -> None:
    """Refuses an ONNX model that could reach outside its own bytes; ``name`` stands in the message.

    Raises:
        BundleError: external data, an operator domain other than ONNX's own, no graph, or bytes that are not an ONNX
            model at all. What passes may still be a model that an engine refuses.
    """
    # onnxruntime takes bytes with this mark for its own flatbuffer format, which nothing below would have checked.
    if data[4:8] == b"ORTM":
        raise BundleError(f"{name} is in onnxruntime's own format; a bundle holds ONNX only")
    pending = [("model", 0, len(data), 1)]
    fields = 0
    graphs = 0
    while pending:
        kind, start, end, depth = pending.pop()
        if depth > _DEEPEST:
            raise BundleError(f"{name} nests its parts more than {_DEEPEST} levels deep; it is not a graph to run")
        children = _MESSAGES[kind]
        for number, wire, value, stop in _fields(data, start, end, name):
            fields += 1
            if fields > _MOST_FIELDS:
                raise BundleError(f"{name} has more than {_MOST_FIELDS} fields; it is not a graph to run")
            if number in children:
                _require(wire == _BYTES, name)
                graphs += kind == "model" and number == 7
                pending.append((children[number], value, stop, depth + 1))
            elif number == _DOMAIN_FIELD.get(kind):
                _require(wire == _BYTES, name)
                if data[value:stop] not in _DOMAINS:
                    domain = data[value:stop][:60].decode("utf-8", "replace")
                    raise BundleError(f"{name} uses the operator domain {domain!r}; a bundle may use ONNX's own only")
            elif kind == "tensor" and number == _DATA_LOCATION:
                _require(wire == _VARINT, name)
                _refuse_external(value != 0, name)
            elif kind == "tensor":
                _refuse_external(number == _EXTERNAL_DATA, name)
    if not graphs:
        raise BundleError(f"{name} is not an ONNX model: it holds no graph")


def _fields(data: bytes, start: int, end: int, name: str) -> Iterator[tuple[int, int, int, int]]:
    """The fields of the message in ``data[start:end]``: number, wire type, value, end of the field.

    The value of a length-delimited field is the position where its content starts, that of a varint the number.
    """
    position = start
    while position < end:
        tag, position = _varint(data, position, end, name)
        number, wire = tag >> 3, tag & 7
        _require(0 < number < 1 << 29, name)
        value = position
        if wire == _VARINT:
            value, position = _varint(data, position, end, name)
        elif wire == _BYTES:
            length, value = _varint(data, position, end, name)
            position = value + length
        elif wire in (_FIXED64, _FIXED32):
            position += 8 if wire == _FIXED64 else 4
        else:  # groups, which ONNX does not have, and the two types that do not exist
            _require(False, name)
        _require(position <= end, name)
        yield number, wire, value, position


def _varint(data: bytes, position: int, end: int, name: str) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        _require(position < end, name)
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
    raise _damaged(name)


def _require(well_formed: bool, name: str) -> None:
    if not well_formed:
        raise _damaged(name)


def _refuse_external(external: bool, name: str) -> None:
    if external:
        raise BundleError(
            f"{name} keeps weights in other files (external data); a bundle's graphs must be single files"
        )


def _damaged(name: str) -> BundleError:
    return BundleError(f"{name} is not an ONNX model, or it is damaged")
