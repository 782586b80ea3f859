"""Writes a step and its gradient as one ONNX file: trace, decompose the backward operators, fold constants, convert."""

import logging
import warnings

import onnx
import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from drc_export.graphs import Graph
from drc_export.portable import without_sign_and_or
from drc_train.model.regions import RegionModel
from drc_train.sampling.decompositions import export_decompositions

OPSET = 18
aten = torch.ops.aten

TRANSPOSITIONS = (aten.t.default, aten.permute.default)
"""Of a weight matrix they are not folded: a linear layer needs the matrix and its transpose, and the file stores it once."""


def trace(graph: Graph, model: RegionModel) -> GraphModule:
    """Traces ``graph.function`` to forward operators whose only inputs are the graph's own; weights become constants."""
    inputs = graph.random_inputs(torch.Generator().manual_seed(0))

    def explicit(*tensors: Tensor) -> tuple[Tensor, ...]:
        return graph.function(model, *tensors)

    for parameter in model.parameters():
        parameter.requires_grad_(False)
    traced: GraphModule = make_fx(explicit, decomposition_table=export_decompositions())(*inputs)
    fold_constants(traced)
    return traced


def fold_constants(traced: GraphModule) -> int:
    """Replaces every value that depends on weights alone by a constant, in place.

    The kernels of the upsampling layers and the flipped kernels of the gradients become plain weights here.

    Returns:
        The number of constants added.
    """
    values = _constant_values(traced)
    constants: dict[Node, Node] = {}

    def constant(value: Tensor) -> Node:
        name = f"_folded_{len(constants)}"
        traced.register_buffer(name, value.contiguous())
        return traced.graph.get_attr(name)

    for node in list(traced.graph.nodes):
        if node in values:
            continue
        with traced.graph.inserting_before(node):
            for source in node.all_input_nodes:
                if source not in values or _kept(source, values):
                    continue
                matrix = _repeated_matrix(values[source]) if node.target is aten.bmm.default else None
                if source not in constants:
                    constants[source] = constant(values[source] if matrix is None else matrix)
                if matrix is not None and source is node.args[0]:
                    node.target = aten.matmul.default
                node.replace_input_with(source, constants[source])
    traced.graph.eliminate_dead_code()
    traced.delete_all_unused_submodules()
    traced.recompile()
    return len(constants)


def _constant_values(traced: GraphModule) -> dict[Node, Tensor]:
    """The value of every node that depends on weights alone."""
    values: dict[Node, Tensor] = {}
    for node in traced.graph.nodes:
        if node.op == "get_attr":
            values[node] = getattr(traced, str(node.target))
        elif node.op == "call_function" and node.all_input_nodes and all(n in values for n in node.all_input_nodes):
            arguments = torch.fx.node.map_arg(node.args, values.__getitem__)
            keywords = torch.fx.node.map_arg(node.kwargs, values.__getitem__)
            result = node.target(*arguments, **keywords)
            if isinstance(result, Tensor):
                values[node] = result
    return values


def _kept(node: Node, values: dict[Node, Tensor]) -> bool:
    """Whether a constant node stays: a weight, or the transpose of a weight matrix."""
    if node.op == "get_attr":
        return True
    return node.target in TRANSPOSITIONS and values[node].ndim == 2 and _kept(node.all_input_nodes[0], values)


def _repeated_matrix(value: Tensor) -> Tensor | None:
    """The matrix that an expanded batch repeats, if ``value`` is one: the file should store it once, not once a channel."""
    return value[0] if value.ndim == 3 and value.stride(0) == 0 else None


def to_onnx(graph: Graph, traced: GraphModule) -> bytes:
    """Converts a graph to a self-contained ONNX file: fixed shapes, opset 18, no external data, no custom operators.

    Args:
        graph: for the names and shapes of its inputs and outputs.
        traced: what ``trace`` returns for it.
    """
    inputs = graph.random_inputs(torch.Generator().manual_seed(0))
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                traced,
                inputs,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                verbose=False,
            )
    finally:
        logger.setLevel(level)
    assert program is not None
    proto = program.model_proto
    without_sign_and_or(proto)
    proto.doc_string = ""
    for node in proto.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in proto.graph.value_info:
        del value.metadata_props[:]
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString())
