"""ONNX models that could run without end or for long, for ``golden.py``."""

from collections.abc import Iterator

import onnx
from onnx import helper


def hostile_graphs(graph: bytes) -> Iterator[bytes]:
    """Models that could run without end or for long, and those just inside of the limits."""
    loop = helper.make_node("Loop", ["", "go"], ["y"], body=onnx.load_model_from_string(graph).graph)
    for node in (
        loop,
        helper.make_node("If", ["go"], ["y"], then_branch=loop.attribute[0].g, else_branch=loop.attribute[0].g),
    ):
        model = onnx.load_model_from_string(graph)
        model.graph.node.append(node)
        yield bytes(model.SerializeToString())
    several = onnx.load_model_from_string(graph)
    several.graph.node[0].attribute.add(name="g", type=onnx.AttributeProto.GRAPHS).graphs.append(loop.attribute[0].g)
    yield bytes(several.SerializeToString())
    model = onnx.load_model_from_string(graph)
    domain, opsets = "", [helper.make_opsetid("", 20)]
    model.functions.append(
        helper.make_function(domain, "F", ["x"], ["y"], [helper.make_node("F", ["x"], ["y"])], opsets)
    )
    yield bytes(model.SerializeToString())
    model = onnx.load_model_from_string(graph)
    model.training_info.add().algorithm.CopyFrom(loop.attribute[0].g)
    yield bytes(model.SerializeToString())
    node = b"\x0a\x00"
    for count in (10_000, 10_001):
        yield message(7, node * count)
        yield message(7, node * 5_000) + message(7, node * (count - 5_000))
    for count in (199_999, 200_000):
        yield message(7, b"\x12\x00" * count)
    for field in (20, 25):  # refused whatever stands there
        yield message(7, b"") + bytes([field << 3 & 0x7F | 0x80, field >> 4]) + b"\x01"


def message(field: int, content: bytes) -> bytes:
    """A length-delimited field of protobuf."""
    size, length = len(content), b""
    while True:
        size, byte = size >> 7, size & 0x7F
        length += bytes([byte | (0x80 if size else 0)])
        if not size:
            return bytes([field << 3 | 2]) + length + content
