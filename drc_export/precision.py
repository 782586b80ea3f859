"""Mixed precision as part of the graph: convolutions in float16, everything else in float32.

Normalisation, responsibilities, sums of the energy, indices and the update of z stay in float32, because float16 loses the
gradient or overflows there. Matrix products stay in float32: they are under 1 % of the work, and late in a chain the
gradients of energy and likelihood nearly cancel, so that float16 raised 1 - cosine of a trained model's gradient from 0.002
to 0.27. Everything that indices are computed from, the forward pass of the re-assignment generator, stays in float32: a grid
that is off by a thousandth of the image samples other pixels, and 1 - cosine was 100 times as large. The casts are nodes of
the graph, so that backends without precision flags (TensorRT 11) compute the same. Inputs and outputs are float32.
"""

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

HALF_OPERATORS = {"Conv", "ConvTranspose"}
INDEXED_OPERATORS = {"Gather", "GatherElements", "ScatterElements"}
_LARGEST = float(np.finfo(np.float16).max)


def to_half(graph: bytes) -> bytes:
    """Converts the convolutions of a graph of ``to_onnx`` to float16.

    A convolution with a weight outside the range of float16 stays in float32. A graph without convolutions is returned unchanged.
    """
    model = onnx.load_from_string(graph)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes: list[NodeProto] = []
    halves: dict[str, str] = {}
    exact = _behind_indices(model)
    chosen = {
        node.output[0]
        for node in model.graph.node
        if node.op_type in HALF_OPERATORS
        and node.output[0] not in exact
        and all(_fits(weights.get(name)) for name in node.input)
    }
    if not chosen:
        return graph
    for node in model.graph.node:
        if node.output[0] in chosen:
            nodes += _converted(model, node, weights, halves)
        else:
            nodes.append(node)
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _behind_indices(model: ModelProto) -> set[str]:
    """Names of the tensors from which indices of gathers and scatters are computed."""
    makers = {name: node for node in model.graph.node for name in node.output}
    pending = [node.input[1] for node in model.graph.node if node.op_type in INDEXED_OPERATORS]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += makers[name].input if name in makers else []
    return found


def _fits(weight: np.ndarray | None) -> bool:
    return weight is None or bool((np.abs(weight) <= _LARGEST).all())


def _converted(
    model: ModelProto, node: NodeProto, weights: dict[str, np.ndarray], halves: dict[str, str]
) -> list[NodeProto]:
    """The convolution in float16 between casts; ``halves`` maps tensors that have been cast to their float16 names."""
    before = []
    for name in node.input:
        if not name or name in halves:
            continue
        halves[name] = f"{name}_half"
        if name in weights:
            half = numpy_helper.from_array(weights[name].astype(np.float16), halves[name])
            model.graph.initializer.append(half)
        else:
            before.append(
                helper.make_node("Cast", [name], [halves[name]], f"{halves[name]}_cast", to=TensorProto.FLOAT16)
            )
    output = node.output[0]
    half_output = f"{output}_of_halves"
    changed = NodeProto()
    changed.CopyFrom(node)
    changed.input[:] = [halves.get(name, name) for name in node.input]
    changed.output[:] = [half_output]
    return [*before, changed, helper.make_node("Cast", [half_output], [output], f"{output}_cast", to=TensorProto.FLOAT)]
