"""Report nodes, FLOPs and latency of a run's posterior step with and without each rewrite of the export.

    python benchmarks/explain.py RUN [--json]

A rewrite that does not apply to this model is left out, such as the re-assignment's in a model without one. Latencies are
medians of interleaved runs in onnxruntime.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import onnx
import torch
from torch import Tensor
from torch._decomp import core_aten_decompositions
from torch._decomp.decompositions import grid_sampler_2d
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.flops import graph_flops  # noqa: E402
from benchmarks.plain import replaced  # noqa: E402
from drc_export import onnx as exporter  # noqa: E402
from drc_export.contenders import bundle_of  # noqa: E402
from drc_export.graphs import Graph, graphs  # noqa: E402
from drc_runtime.cli.printing import print_rows  # noqa: E402
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine  # noqa: E402
from drc_runtime.engines.protocol import BoundGraph  # noqa: E402
from drc_runtime.errors import DRCError  # noqa: E402
from drc_runtime.machine import machine_name  # noqa: E402
from drc_train.config import Config  # noqa: E402
from drc_train.model import regions as model  # noqa: E402
from drc_train.model.layers import NORM_EPSILON, InstanceNorm, UpConv  # noqa: E402
from drc_train.model.regions import RegionModel  # noqa: E402
from drc_train.sampling import decompositions  # noqa: E402
from drc_train.training.checkpoint import load_model  # noqa: E402

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
    """Median of a step in onnxruntime."""


def explain(run: Path, *, threads: int | None = None) -> list[Variant]:
    """Exports the posterior step of a run with all rewrites, without each one and without any, and measures all of them.

    Args:
        run: the ``--out`` folder of ``drc train``.
        threads: of onnxruntime; None takes all that this process may use.

    Raises:
        TrainingError: the run has no usable checkpoint.
    """
    networks, config, _ = load_model(run)
    step = graphs(config)[0]
    files = exported_variants(step, networks)
    times = _measure([_bind(step, networks, config, data, threads) for data in files.values()])
    found = []
    for (name, data), milliseconds in zip(files.items(), times, strict=True):
        graph = onnx.load_from_string(data)
        found.append(Variant(name, len(graph.graph.node), graph_flops(graph), milliseconds))
    return found


def exported_variants(step: Graph, networks: RegionModel) -> dict[str, bytes]:
    """The step as ONNX, by the variant's name; the first one has all rewrites."""

    def exported() -> bytes:
        return exporter.to_onnx(step, exporter.trace(step, networks))

    whole = exported()
    files = {"all rewrites": whole}
    for name, rewrite in REWRITES.items():
        with replaced(*rewrite):
            files[f"without {name}"] = exported()
    with ExitStack() as stack:
        for rewrite in REWRITES.values():
            stack.enter_context(replaced(*rewrite))
        files["without any"] = exported()
    return {name: data for name, data in files.items() if name == "all rewrites" or data != whole}


def _bind(step: Graph, networks: RegionModel, config: Config, data: bytes, threads: int | None) -> BoundGraph:
    bound = OnnxRuntimeEngine(bundle_of(step, networks, config, data), threads).bind(step.name, ("z_next",))
    for name, tensor in zip(step.inputs, step.random_inputs(torch.Generator().manual_seed(0)), strict=True):
        bound.inputs[name][:] = tensor.numpy()
    return bound


def _measure(variants: list[BoundGraph]) -> list[float]:
    """Median milliseconds of each; every round runs all of them, so that other load affects all alike."""
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


_flipped_gradient = decompositions.convolution_input_gradient


def _transposed_gradient(gradient: Tensor, x: Tensor, weight: Tensor, *rest: Any) -> tuple[Tensor, None, None]:
    _, stride, padding, _, transposed, *_ = rest
    if transposed:
        return _flipped_gradient(gradient, x, weight, *rest)
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
    "gradients as flipped convolutions": (decompositions, "convolution_input_gradient", _transposed_gradient),
    "gradients of leaky ReLUs as products": (
        decompositions,
        "leaky_relu_input_gradient",
        _of_pytorch("leaky_relu_backward"),
    ),
    "gradients of slices as pads": (decompositions, "slice_input_gradient", _of_pytorch("slice_backward")),
    "folded constants": (exporter, "fold_constants", lambda traced: 0),
}
"""Each rewrite by name: the owner, the attribute and the value that undo it."""


def print_variants(variants: list[Variant]) -> None:
    """One row a variant, each figure with its difference from the export with all rewrites."""
    whole, rows = variants[0], [("posterior_step", "nodes", "", "MFLOP", "", "ms", "")]
    for it in variants:
        nodes, flops = it.nodes - whole.nodes, (it.flops - whole.flops) / 1e6
        cells = [f"{it.nodes}", f"{nodes:+}", f"{it.flops / 1e6:.0f}", f"{flops:+.0f}"]
        cells += [f"{it.milliseconds:.2f}", f"{it.milliseconds - whole.milliseconds:+.2f}"]
        rows.append((it.name, *cells))
    print(machine_name())
    print_rows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the --out folder of drc train")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    try:
        variants = explain(arguments.run, threads=arguments.threads)
    except DRCError as error:
        sys.exit(f"explain.py: {error}")
    if arguments.json:
        print(json.dumps({"machine": machine_name(), "variants": [asdict(it) for it in variants]}, indent=2))
    else:
        print_variants(variants)


if __name__ == "__main__":
    main()
