"""The backends that ``drc_export.compare`` measures, each prepared to compute the same posterior step."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule

from drc_export.graphs import Graph
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
"""Computes one step from fixed inputs and returns z_next ``(1, D)``."""


@dataclass(frozen=True)
class Subject:
    """The posterior step that every contender computes.

    Attributes:
        graph: the posterior step.
        model: its networks; no parameter requires a gradient.
        config: of the run or preset.
        inputs: z, image and noise.
        traced: the step as forward operators.
        exported: the step as ONNX.
        threads: available to each contender.
    """

    graph: Graph
    model: RegionModel
    config: Config
    inputs: tuple[Tensor, ...]
    traced: GraphModule
    exported: bytes
    threads: int

    def eager(self) -> Array:
        """z_next ``(1, D)``, computed by PyTorch's autograd."""
        z_next: Array = self.graph.function(self.model, *self.inputs)[0].numpy()
        return z_next

    def bundle(self, torchscript: bytes | None = None) -> Bundle:
        """The exported step as a bundle in memory."""
        return bundle_of(self.graph, self.model, self.config, self.exported, torchscript)


def contenders(subject: Subject) -> dict[str, Callable[[], Step]]:
    """Builders by name; calling one raises whatever its backend raises, such as an ImportError."""
    return {
        "PyTorch eager": lambda: subject.eager,
        "PyTorch compiled": lambda: _compiled(subject),
        "TorchScript": lambda: _torchscript(subject),
        "onnxruntime": lambda: _bound(OnnxRuntimeEngine(subject.bundle(), subject.threads), subject),
        "OpenVINO": lambda: _openvino(subject),
    }


def bundle_of(
    graph: Graph, model: RegionModel, config: Config, exported: bytes, torchscript: bytes | None = None
) -> Bundle:
    """One exported graph as a bundle in memory.

    Args:
        graph: what was exported.
        model: its networks, for the shapes of the outputs.
        config: of the model.
        exported: the graph as ONNX.
        torchscript: the same graph as TorchScript.
    """
    entry = GraphEntry.of(f"{graph.name}.onnx", exported, graph.inputs, graph.shapes(model))
    scripts = {} if torchscript is None else {graph.name: torchscript}
    files = {name: FileEntry.of(f"{name}.pt", data) for name, data in scripts.items()}
    manifest = replace(manifest_of(config, "compared"), graphs={graph.name: entry}, torchscript=files)
    return Bundle(Path("compared"), manifest, {graph.name: exported}, scripts)


def _compiled(subject: Subject) -> Step:
    traced = trace_step(subject.graph.function, subject.model, subject.inputs, training_decompositions())
    compiled, parameters = torch.compile(traced), parameters_of(subject.model)

    def step() -> Array:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler warns about its own internals
            found: Array = compiled(parameters, *subject.inputs)[0].numpy()
            return found

    return step


def _torchscript(subject: Subject) -> Step:
    bundle = subject.bundle(to_torchscript(subject.graph, subject.traced))
    return _bound(TorchScriptEngine(bundle, subject.threads), subject)


def _bound(engine: Engine, subject: Subject) -> Step:
    bound = engine.bind(subject.graph.name, ("z_next",))
    for name, tensor in zip(subject.graph.inputs, subject.inputs, strict=True):
        bound.inputs[name][:] = tensor.numpy()

    def step() -> Array:
        bound.run()
        return bound.outputs["z_next"]

    return step


def _openvino(subject: Subject) -> Step:
    openvino: Any = import_module("openvino")
    core = openvino.Core()
    # Without the hint OpenVINO computes in bfloat16 where the processor has it, which makes the scatter's indices wrong.
    options = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": subject.threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = core.compile_model(core.read_model(subject.exported), "CPU", options).create_infer_request()
    feed = {name: tensor.numpy() for name, tensor in zip(subject.graph.inputs, subject.inputs, strict=True)}
    return lambda: request.infer(feed, share_inputs=True)["z_next"]
