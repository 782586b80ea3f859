"""A step with its gradient as one ONNX file: trace, rewrite the backward operators, fold the constants, convert."""

import logging
import warnings

import onnx
import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from drc_export.posterior import Graph
from drc_train.decompositions import export_decompositions
from drc_train.model import RegionModel

OPSET = 18

TURNED_MATRICES = (torch.ops.aten.t.default, torch.ops.aten.permute.default)
"""Not folded for matrices: a linear layer needs its weight both ways, and backends turn it on loading; the file holds it once."""


def trace(graph: Graph, model: RegionModel) -> GraphModule:
    """``graph.function`` as a graph of forward operators over its inputs alone: weights are constants of it."""
    inputs = graph.random_inputs(torch.Generator().manual_seed(0))

    def explicit(*tensors: Tensor) -> tuple[Tensor, ...]:
        return graph.function(model, *tensors)

    for parameter in model.parameters():
        parameter.requires_grad_(False)
    traced: GraphModule = make_fx(explicit, decomposition_table=export_decompositions())(*inputs)
    fold_constants(traced)
    return traced


def fold_constants(traced: GraphModule) -> int:
    """Evaluates every node that depends on weights alone, once, and returns how many were replaced.

    This is where the 4x4 kernels of nearest upsampling and the turned kernels of the gradients become plain weights.
    """
    values: dict[Node, Tensor] = {}
    folded = 0
    for node in list(traced.graph.nodes):
        if node.op == "get_attr":
            values[node] = getattr(traced, str(node.target))
        elif node.target in TURNED_MATRICES and values.get(node.all_input_nodes[0], torch.empty(0)).ndim == 2:
            # what is made of the turned matrix and weights alone, such as a kernel, is a constant all the same
            values[node] = values[node.all_input_nodes[0]].T
        elif node.op == "call_function" and node.all_input_nodes and all(n in values for n in node.all_input_nodes):
            arguments = torch.fx.node.map_arg(node.args, values.__getitem__)
            keywords = torch.fx.node.map_arg(node.kwargs, values.__getitem__)
            result = node.target(*arguments, **keywords)
            if not isinstance(result, Tensor):
                continue
            name = f"_folded_{folded}"
            traced.register_buffer(name, result.contiguous())
            with traced.graph.inserting_before(node):
                constant = traced.graph.get_attr(name)
            node.replace_all_uses_with(constant)
            values[constant] = result.contiguous()
            folded += 1
    traced.graph.eliminate_dead_code()
    traced.delete_all_unused_submodules()
    traced.recompile()
    return folded


def to_onnx(graph: Graph, model: RegionModel) -> bytes:
    """Exports one graph as a self-contained ONNX file of fixed shapes (opset 18, no external data, no custom operators)."""
    traced = trace(graph, model)
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
    proto.doc_string = ""
    for node in proto.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in proto.graph.value_info:
        del value.metadata_props[:]
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString())
