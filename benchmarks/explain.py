"""``drc export --explain``: what each rewrite of the posterior step buys, by exporting the step with and without it."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from statistics import median
from typing import Any

import onnx
import torch
from onnx import ModelProto
from torch import Tensor
from torch._decomp import core_aten_decompositions
from torch._decomp.decompositions import grid_sampler_2d
from torch.nn import functional as F

from drc_export import onnx as exporter
from drc_export.graphs import Graph, graphs
from drc_export.plain import replaced
from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import GraphEntry
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.engines.protocol import BoundGraph
from drc_train.model import regions as model
from drc_train.model.layers import NORM_EPSILON, InstanceNorm, UpConv
from drc_train.sampling import decompositions
from drc_train.sampling.torch_engine import manifest_of
from drc_train.training.checkpoint import load_model

ROUNDS = 30
aten = torch.ops.aten


@dataclass(frozen=True)
class Variant:
    """The posterior step exported in one way."""

    name: str
    nodes: int
    flops: float
    """Multiplications and additions of its convolutions and matrix products."""
    milliseconds: float
    """Of a step with onnxruntime: the median, all variants measured in turns."""


def explain(run: Path, *, threads: int | None = None) -> list[Variant]:
    """Exports the posterior step of a run whole, without each rewrite and without any, and measures them side by side.

    A rewrite that changes nothing of this model, such as that of a re-assignment that it does not have, is left out.

    Args:
        run: the ``--out`` folder of ``drc train``.
        threads: of onnxruntime; None takes all that this process may use.

    Raises:
        TrainingError: the run has no usable checkpoint.
    """
    networks, config, _ = load_model(run)
    step = graphs(config)[0]
    whole = exporter.to_onnx(step, networks)
    files = {"all rewrites": whole}
    for name, rewrite in REWRITES.items():
        with replaced(*rewrite):
            files[f"without {name}"] = exporter.to_onnx(step, networks)
    with ExitStack() as stack:
        for rewrite in REWRITES.values():
            stack.enter_context(replaced(*rewrite))
        files["without any"] = exporter.to_onnx(step, networks)
    files = {name: data for name, data in files.items() if name == "all rewrites" or data != whole}
    shapes, manifest = step.shapes(networks), manifest_of(config, "explain")
    bound = [
        _bind(step, replace(manifest, graphs={step.name: _entry(step, data, shapes)}), data, threads)
        for data in files.values()
    ]
    return [
        Variant(name, len(graph.graph.node), flops(graph), milliseconds)
        for (name, graph), milliseconds in zip(
            ((name, onnx.load_from_string(data)) for name, data in files.items()), _measure(bound), strict=True
        )
    ]


def flops(model: ModelProto) -> float:
    """Multiplications and additions of an ONNX graph's convolutions and matrix products, for fixed shapes."""
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


def _entry(step: Graph, data: bytes, shapes: dict[str, tuple[int, ...]]) -> GraphEntry:
    return GraphEntry.of(f"{step.name}.onnx", data, step.inputs, shapes)


def _bind(step: Graph, manifest: Any, data: bytes, threads: int | None) -> BoundGraph:
    engine = OnnxRuntimeEngine(Bundle(Path("explain"), manifest, {step.name: data}), threads)
    bound = engine.bind(step.name, ("z_next",))
    for name, tensor in zip(step.inputs, step.random_inputs(torch.Generator().manual_seed(0)), strict=True):
        bound.inputs[name][:] = tensor.numpy()
    return bound


def _measure(variants: list[BoundGraph]) -> list[float]:
    """In turns, so that whatever else the machine does falls on all of them."""
    times: list[list[float]] = [[] for _ in variants]
    for _ in range(ROUNDS):
        for bound, taken in zip(variants, times, strict=True):
            started = time.perf_counter()
            bound.run()
            taken.append((time.perf_counter() - started) * 1000)
    return [median(taken[ROUNDS // 5 :]) for taken in times]


def _separate_upsampling(layer: UpConv, x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    if layer.folded:
        doubled = x[:, :, :, None, :, None].expand(-1, -1, -1, 2, -1, 2)
        return F.conv2d(doubled.reshape(batch, channels, 2 * height, 2 * width), layer.weight, padding=1)
    doubling = layer.matrix[:, height : 2 * height]  # the middle tap does not move
    return F.conv2d(doubling @ x @ doubling.T, layer.weight, padding=1)


def _plain_norm(layer: InstanceNorm, x: Tensor) -> Tensor:
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + NORM_EPSILON) * layer.weight + layer.bias


_turned_gradient = decompositions.convolution_input_gradient


def _transposed_gradient(gradient: Tensor, x: Tensor, weight: Tensor, *rest: Any) -> tuple[Tensor, None, None]:
    _, stride, padding, _, transposed, *_ = rest
    if transposed:
        return _turned_gradient(gradient, x, weight, *rest)
    return aten.convolution(gradient, weight, None, stride, padding, [1, 1], True, [0, 0], 1), None, None


def _grid_sample(source: Tensor, grid: Tensor) -> Tensor:
    sampled: Tensor = grid_sampler_2d(source, grid.permute(0, 2, 3, 1), 0, 0, False)
    return sampled


def _of_pytorch(name: str) -> Callable[..., Any]:
    """PyTorch's own decomposition of an operator."""
    found: Callable[..., Any] = core_aten_decompositions()[getattr(aten, name).default]
    return found


REWRITES: dict[str, tuple[Any, str, Any]] = {
    "upsampling inside the convolution": (UpConv, "forward", _separate_upsampling),
    "the norm's own gradient": (InstanceNorm, "forward", _plain_norm),
    "one gather and one scatter for the re-assignment": (model, "grid_sample", _grid_sample),
    "gradients as turned convolutions": (decompositions, "convolution_input_gradient", _transposed_gradient),
    "gradients of leaky ReLUs as products": (
        decompositions,
        "leaky_relu_input_gradient",
        _of_pytorch("leaky_relu_backward"),
    ),
    "gradients of slices as pads": (decompositions, "slice_input_gradient", _of_pytorch("slice_backward")),
    "folded constants": (exporter, "fold_constants", lambda traced: 0),
}
"""Each rewrite, and what to put where so that it is not done."""
