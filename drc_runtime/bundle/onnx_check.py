"""Refuses ONNX graphs with external data, custom operators or parts that could run without end, before an engine loads them.

External data makes an engine read other files, and a custom operator domain makes it run other code. A graph inside a node is the
body of a loop, and functions that call functions double a graph at each level. A bundle from an unknown source must have none of
these, and ``drc export`` writes none. This module parses the protobuf wire format itself, because the runtime does not depend on
the onnx package. It enters only messages that can contain a tensor or an operator domain (onnx.proto, IR versions 3 to 14).
"""

from collections.abc import Iterator

from drc_runtime.errors import BundleError

# message -> {field number: type of the nested message}. All other fields are skipped.
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 10: "tensor", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
    "opset": {},
}
# message -> {field number: what stands there}
_REFUSED: dict[str, dict[int, str]] = {
    "model": {20: "a graph for training", 25: "a function"},
    "attribute": {6: "a graph inside a node", 11: "graphs inside a node"},
}
_DOMAIN_FIELD = {"node": 7, "opset": 1}
_DOMAINS = (b"", b"ai.onnx")
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # fields of a tensor

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Real graphs have about 600 nodes and 10,000 fields; the limits bound the time for a hostile one.
_MOST_NODES = 10_000
_MOST_FIELDS = 200_000


def check_model(data: bytes, name: str) -> None:
    """Refuses an ONNX model with external data, custom operators or loops. An engine may still refuse a model that passes.

    Args:
        data: the serialised ``ModelProto``.
        name: first words of the error messages.

    Raises:
        BundleError: external data, an operator domain other than ONNX's own, a graph inside a node, a function, too many nodes or
            fields, no graph, or not an ONNX model.
    """
    # onnxruntime reads bytes with this mark as its own flatbuffer format, which the code below cannot check.
    if data[4:8] == b"ORTM":
        raise BundleError(f"{name} is in onnxruntime's own format; a bundle holds ONNX only")
    pending = [("model", 0, len(data))]
    seen = graphs = nodes = 0
    while pending:
        kind, start, end = pending.pop()
        children, refused = _MESSAGES[kind], _REFUSED.get(kind, {})
        for number, wire, value, stop in fields(data, start, end, name):
            seen += 1
            if seen > _MOST_FIELDS:
                raise BundleError(f"{name} has more than {_MOST_FIELDS} fields; it is not a graph to run")
            if number in refused:
                raise BundleError(
                    f"{name} holds {refused[number]}, which drc export does not write: a run of it might not end"
                )
            if number in children:
                _require(wire == _BYTES, name)
                graphs += kind == "model" and number == 7
                nodes += children[number] == "node"
                if nodes > _MOST_NODES:
                    raise BundleError(f"{name} has more than {_MOST_NODES} nodes; it is not a graph to run")
                pending.append((children[number], value, stop))
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


def fields(data: bytes, start: int, end: int, name: str) -> Iterator[tuple[int, int, int, int]]:
    """Yields number, wire type, value and end position of each field of the message in ``data[start:end]``.

    The value is the number of a varint, or the start position of a length-delimited field's content.

    Raises:
        BundleError: not a message of protobuf.
    """
    position = start
    while position < end:
        tag, position = varint(data, position, end, name)
        number, wire = tag >> 3, tag & 7
        _require(0 < number < 1 << 29, name)
        value = position
        if wire == _VARINT:
            value, position = varint(data, position, end, name)
        elif wire == _BYTES:
            length, value = varint(data, position, end, name)
            position = value + length
        elif wire in (_FIXED64, _FIXED32):
            position += 8 if wire == _FIXED64 else 4
        else:  # groups, which ONNX does not use, and the two undefined wire types
            _require(False, name)
        _require(position <= end, name)
        yield number, wire, value, position


def varint(data: bytes, position: int, end: int, name: str) -> tuple[int, int]:
    """The number that stands at ``position``, and the position behind it.

    Raises:
        BundleError: it does not end before ``end``.
    """
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
