"""Multiplications and additions of convolutions and matrix products: in an exported graph, and in eager PyTorch."""

from collections.abc import Callable
from math import prod
from typing import Any

import onnx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


def graph_flops(model: onnx.ModelProto) -> float:
    """Of an ONNX graph with fixed shapes."""
    model = onnx.shape_inference.infer_shapes(model)
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        shapes[value.name] = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    total = 0.0
    for node in model.graph.node:
        if node.op_type == "Conv":
            total += 2 * prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])
        elif node.op_type == "ConvTranspose":
            total += 2 * prod(shapes[node.input[0]]) * prod(shapes[node.input[1]][1:])
        elif node.op_type in ("Gemm", "MatMul"):
            total += 2 * prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    return total


def eager_flops(function: Callable[[], object]) -> float:
    """Of every PyTorch operator that one call of ``function`` runs, gradients included."""
    with _Counter() as counter:
        function()
    return float(counter.flops)


class _Counter(TorchDispatchMode):
    """PyTorch's counts for each operator; its ``FlopCounterMode`` misses gradients taken with ``autograd.grad``."""

    def __init__(self) -> None:
        super().__init__()
        self.flops: float = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = function(*args, **(kwargs or {}))
        count = flop_registry.get(function.overloadpacket)
        if count is not None:
            self.flops += count(*args, **(kwargs or {}), out_val=found)
        return found
