"""What can compute a posterior step on this machine, each made ready to be measured (``drc_export.compare``)."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from drc_export.graphs import Graph
from drc_export.plain import plain_layers
from drc_export.torchscript import to_torchscript
from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import FileEntry, GraphEntry
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.engines.protocol import Array, Engine
from drc_runtime.engines.torchscript import TorchScriptEngine
from drc_train.config import Config
from drc_train.model.regions import RegionModel
from drc_train.sampling.decompositions import training_decompositions
from drc_train.sampling.torch_engine import manifest_of
from drc_train.sampling.tracing import parameters_of, trace_step

Step = Callable[[], Array]
"""Computes one step from inputs that it holds, and returns z after it."""


def contenders(
    graph: Graph, model: RegionModel, config: Config, inputs: tuple[Tensor, ...], exported: bytes, threads: int
) -> dict[str, Callable[[], Step]]:
    """What makes each contender, by name; making one may raise anything, where it is not installed above all.

    Args:
        graph: the posterior step.
        model: its networks, none of which wants a gradient.
        config: of the run.
        inputs: what every contender computes the step from.
        exported: the step as ONNX.
        threads: that each may use.
    """

    def bundle(torchscript: bytes | None = None) -> Bundle:
        return bundle_of(graph, model, config, exported, torchscript)

    return {
        "PyTorch autograd": lambda: _plain(graph, model, inputs),
        "PyTorch autograd, rewritten layers": lambda: _eager(graph, model, inputs),
        "PyTorch compiled": lambda: _compiled(graph, model, inputs),
        "TorchScript": lambda: _engine(TorchScriptEngine(bundle(to_torchscript(graph, model)), threads), graph, inputs),
        "onnxruntime": lambda: _engine(OnnxRuntimeEngine(bundle(), threads), graph, inputs),
        "OpenVINO": lambda: _openvino(exported, graph, inputs, threads),
    }


def plain_flops(graph: Graph, model: RegionModel, inputs: tuple[Tensor, ...]) -> float:
    """Multiplications and additions of a step's convolutions and matrix products with the layers as PyTorch has them."""
    with _Counter() as counter:
        _plain(graph, model, inputs)()
    return float(counter.flops)


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """PyTorch's own counts for each operator; its FlopCounterMode cannot look into a gradient taken with ``autograd.grad``."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops: float = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = function(*args, **(kwargs or {}))
        count = flop_registry.get(function.overloadpacket)
        if count is not None:
            self.flops += count(*args, **(kwargs or {}), out_val=found)
        return found


def _eager(graph: Graph, model: RegionModel, inputs: tuple[Tensor, ...]) -> Step:
    return lambda: graph.function(model, *inputs)[0].numpy()


def _plain(graph: Graph, model: RegionModel, inputs: tuple[Tensor, ...]) -> Step:
    eager = _eager(graph, model, inputs)

    def step() -> Array:
        with plain_layers():
            return eager()

    return step


def _compiled(graph: Graph, model: RegionModel, inputs: tuple[Tensor, ...]) -> Step:
    compiled = torch.compile(trace_step(graph.function, model, inputs, training_decompositions()))
    parameters = parameters_of(model)

    def step() -> Array:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler's remarks about itself
            found: Array = compiled(parameters, *inputs)[0].numpy()
            return found

    return step


def _engine(engine: Engine, graph: Graph, inputs: tuple[Tensor, ...]) -> Step:
    bound = engine.bind(graph.name, ("z_next",))
    for name, tensor in zip(graph.inputs, inputs, strict=True):
        bound.inputs[name][:] = tensor.numpy()

    def step() -> Array:
        bound.run()
        return bound.outputs["z_next"]

    return step


def bundle_of(
    graph: Graph, model: RegionModel, config: Config, exported: bytes, torchscript: bytes | None = None
) -> Bundle:
    """One exported graph as a bundle that lies on no disk."""
    entry = GraphEntry.of(f"{graph.name}.onnx", exported, graph.inputs, graph.shapes(model))
    scripts = {} if torchscript is None else {graph.name: torchscript}
    files = {name: FileEntry.of(f"{name}.pt", data) for name, data in scripts.items()}
    manifest = replace(manifest_of(config, "compared"), graphs={graph.name: entry}, torchscript=files)
    return Bundle(Path("compared"), manifest, {graph.name: exported}, scripts)


def _openvino(exported: bytes, graph: Graph, inputs: tuple[Tensor, ...], threads: int) -> Step:
    openvino: Any = import_module("openvino")
    core = openvino.Core()
    # without the hint it computes in bfloat16 where the processor has it, and then the scatter's indices are wrong
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(core.read_model(exported), "CPU", options).create_infer_request()
    feed = {name: tensor.numpy() for name, tensor in zip(graph.inputs, inputs, strict=True)}
    return lambda: request.infer(feed, share_inputs=True)["z_next"]
