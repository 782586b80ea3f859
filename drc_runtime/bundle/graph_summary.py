"""What is inside one graph of a bundle, for ``drc info --graph``: its operators and the size of its weights."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from drc_runtime.bundle.onnx_check import fields, varint

_GRAPH, _NODE, _OPERATOR, _INITIALIZER = 7, 1, 4, 5  # fields of a model, a graph, a node, a graph (onnx.proto)
_DIMENSIONS, _DATA_TYPE = 1, 2  # fields of a tensor
_FLOATS = {1: "float32", 10: "float16"}
_BYTES = 2


@dataclass(frozen=True)
class GraphSummary:
    """The content of an ONNX graph."""

    operators: dict[str, int]
    """Operator to the number of its nodes, the most frequent first."""
    parameters: dict[str, int]
    """``float32`` and ``float16`` to the number of weights; constants of the graph are counted with them."""


def summarise_graph(data: bytes, name: str) -> GraphSummary:
    """Counts a graph's operators and weights.

    Args:
        data: the serialised ``ModelProto``, which ``onnx_check.check_model`` has passed.
        name: first words of the error messages.

    Raises:
        BundleError: not an ONNX model.
    """
    operators: Counter[str] = Counter()
    parameters: Counter[str] = Counter()
    for start, end in _inside(data, (0, len(data)), _GRAPH, name):
        for node in _inside(data, (start, end), _NODE, name):
            for first, last in _inside(data, node, _OPERATOR, name):
                operators[data[first:last].decode("utf-8", "replace")] += 1
        for tensor in _inside(data, (start, end), _INITIALIZER, name):
            kind, size = _tensor(data, tensor, name)
            if kind in _FLOATS:
                parameters[_FLOATS[kind]] += size
    return GraphSummary(dict(operators.most_common()), dict(parameters))


def _inside(data: bytes, span: tuple[int, int], wanted: int, name: str) -> Iterator[tuple[int, int]]:
    for number, wire, value, stop in fields(data, *span, name):
        if number == wanted and wire == _BYTES:
            yield value, stop


def _tensor(data: bytes, span: tuple[int, int], name: str) -> tuple[int, int]:
    """Data type and number of elements of a tensor. Its dimensions stand one by one, or packed."""
    kind, dimensions = 0, []
    for number, wire, value, stop in fields(data, *span, name):
        if number == _DATA_TYPE:
            kind = value
        elif number == _DIMENSIONS and wire == _BYTES:
            while value < stop:
                dimension, value = varint(data, value, stop, name)
                dimensions.append(dimension)
        elif number == _DIMENSIONS:
            dimensions.append(value)
    return kind, prod(dimensions)
