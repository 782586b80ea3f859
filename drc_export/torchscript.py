"""The exported functions as TorchScript: traced from the folded graph that ONNX gets, gradient inside, and frozen."""

import io
import warnings

import torch

from drc_export.graphs import Graph
from drc_export.onnx import trace
from drc_train.model.regions import RegionModel


def to_torchscript(graph: Graph, model: RegionModel) -> bytes:
    """Exports one graph as a TorchScript file that takes and returns tensors in the order of ``graph``'s names.

    What is traced holds no autograd any more, so no gradient can end as a constant; ``verify`` checks it all the same.
    """
    inputs = graph.random_inputs(torch.Generator().manual_seed(0))
    module = trace(graph, model).eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # TorchScript is kept, but no longer developed; its users know
        traced = torch.jit.trace(module, inputs, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(torch.jit.freeze(traced), buffer)
    return buffer.getvalue()
