"""Writes a traced graph, gradient included, as frozen TorchScript."""

import io
import warnings

import torch
from torch.fx import GraphModule

from drc_export.graphs import Graph


def to_torchscript(graph: Graph, traced: GraphModule) -> bytes:
    """Converts a graph to a TorchScript file that takes and returns tensors in the order of ``graph``'s names.

    Args:
        graph: for the shapes of its inputs.
        traced: what ``drc_export.onnx.trace`` returns for it: without autograd, so no gradient can become a constant.
    """
    inputs = graph.random_inputs(torch.Generator().manual_seed(0))
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # that TorchScript is deprecated
        script = torch.jit.trace(traced.eval(), inputs, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(torch.jit.freeze(script), buffer)
    return buffer.getvalue()
