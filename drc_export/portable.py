"""Rewrites the operators that WebGPU lacks, so that it can take a graph whole: else tensors go to the CPU and back."""

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

_ZERO = "portable_zero"


def without_sign_and_or(proto: onnx.ModelProto) -> None:
    """Replaces ``Sign`` and ``Or`` of a float32 graph by comparisons and casts, in place; the results are the same numbers.

    onnxruntime's WebGPU has no kernel for ``Sign`` and a partial one for ``Or``. On the CPU this is no slower
    (benchmarks/README.md). Only of a NaN the sign becomes 0: a graph that computes one is refused by its log-posterior.
    """
    nodes = [made for node in proto.graph.node for made in _rewritten(node)]
    if len(nodes) > len(proto.graph.node):
        proto.graph.initializer.append(numpy_helper.from_array(np.array(0, np.float32), _ZERO))
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _rewritten(node: NodeProto) -> list[NodeProto]:
    result = node.output[0]
    if node.op_type == "Or":
        numbers = [f"{result}_first", f"{result}_second"]
        return [
            *(_number(value, number) for value, number in zip(node.input, numbers, strict=True)),
            helper.make_node("Add", numbers, [f"{result}_sum"], f"{result}_add"),
            helper.make_node("Greater", [f"{result}_sum", _ZERO], [result], node.name),
        ]
    if node.op_type == "Sign":
        above, below = f"{result}_above", f"{result}_below"
        return [
            helper.make_node("Greater", [node.input[0], _ZERO], [above], f"{result}_greater"),
            helper.make_node("Less", [node.input[0], _ZERO], [below], f"{result}_less"),
            _number(above, f"{above}_number"),
            _number(below, f"{below}_number"),
            helper.make_node("Sub", [f"{above}_number", f"{below}_number"], [result], node.name),
        ]
    return [node]


def _number(truth: str, number: str) -> NodeProto:
    return helper.make_node("Cast", [truth], [number], f"{number}_cast", to=TensorProto.FLOAT)
