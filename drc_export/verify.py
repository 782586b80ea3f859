"""Checks an exported graph against the model: the same fresh inputs through the backend and through float64 autograd."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from drc_export.posterior import Graph
from drc_runtime.engines.protocol import Array, Engine
from drc_runtime.errors import VerificationError
from drc_train.model import RegionModel

INPUTS = 6
FLOOR = 1e-6
"""Relative errors below this are rounding, whatever float32 autograd happened to reach."""


@dataclass(frozen=True)
class Tolerance:
    """What a precision is held to."""

    ratio: float
    """How much further from float64 than float32 autograd the backend may be, largest error against largest error."""
    ceiling: float
    """Largest relative error, whatever the ratio allows."""
    cosine: float


FLOAT32 = Tolerance(ratio=3.0, ceiling=1e-2, cosine=1 - 1e-5)
FLOAT16 = Tolerance(ratio=float("inf"), ceiling=0.1, cosine=0.995)


@dataclass(frozen=True)
class Check:
    """One output of one graph; errors are relative to float64 in the L2 norm, the largest over all inputs."""

    graph: str
    output: str
    error: float
    float32_error: float
    cosine: float
    """Smallest over all inputs."""
    worst_input: int
    tolerance: Tolerance = FLOAT32
    backend: str = "onnxruntime"

    @property
    def problem(self) -> str | None:
        """What is out of tolerance, or None."""
        where = f"{self.backend}, graph {self.graph}, output {self.output}, input {self.worst_input}"
        limit = min(max(self.tolerance.ratio * self.float32_error, FLOOR), self.tolerance.ceiling)
        if not self.error <= limit:
            return f"{where}: off by {self.error:.1e} where {limit:.1e} is allowed"
        if not self.cosine >= self.tolerance.cosine:
            return f"{where}: 1 - cosine is {1 - self.cosine:.1e} where {1 - self.tolerance.cosine:.0e} is allowed"
        return None


class Reference:
    """What the model itself computes, in float32 and in float64: once, however many backends are compared with it."""

    def __init__(self, model: RegionModel, seed: int = 1) -> None:
        self.model, self._seed = model, seed
        self._exact = copy.deepcopy(model).double()
        self._found: dict[Callable[..., tuple[Tensor, ...]], list[Example]] = {}

    def examples(self, graph: Graph) -> "list[Example]":
        """``INPUTS`` fresh inputs of a graph, every other one without noise, and its outputs."""
        if graph.function not in self._found:
            random = torch.Generator().manual_seed(self._seed)
            self._found[graph.function] = [self._example(graph, random, index % 2 == 0) for index in range(INPUTS)]
        return self._found[graph.function]

    def _example(self, graph: Graph, random: torch.Generator, silent: bool) -> "Example":
        tensors = dict(zip(graph.inputs, graph.random_inputs(random), strict=True))
        if "noise" in tensors and silent:
            tensors["noise"] = torch.zeros_like(tensors["noise"])
        plain = graph.function(self.model, *tensors.values())
        truth = graph.function(self._exact, *(tensor.double() for tensor in tensors.values()))
        return Example(tensors, [it.detach() for it in plain], [it.detach() for it in truth])


class Example(NamedTuple):
    """Inputs by name, and a graph's outputs in float32 and in float64."""

    inputs: dict[str, Tensor]
    float32: list[Tensor]
    float64: list[Tensor]


def verify(
    engine: Engine,
    reference: Reference,
    graphs: Sequence[Graph],
    tolerance: Tolerance = FLOAT32,
    backend: str = "onnxruntime",
) -> list[Check]:
    """Runs every graph on fresh inputs; ``z_next`` is compared as the step that it takes, first without and then with noise.

    Raises:
        VerificationError: an output is out of tolerance, not finite, or does not change with the inputs (a gradient that was
            baked in as a constant).
    """
    checks = [
        replace(check, tolerance=tolerance, backend=backend)
        for graph in graphs
        for check in _verify_graph(engine, reference, graph, backend)
    ]
    problems = [check.problem for check in checks if check.problem]
    if problems:
        raise VerificationError(f"the export does not compute what the model does: {problems[0]}")
    return checks


def _verify_graph(engine: Engine, reference: Reference, graph: Graph, backend: str) -> list[Check]:
    bound = engine.bind(graph.name, graph.outputs)
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in graph.outputs}
    seen: dict[str, list[Array]] = {name: [] for name in graph.outputs}
    for index, example in enumerate(reference.examples(graph)):
        for name, tensor in example.inputs.items():
            np.copyto(bound.inputs[name], tensor.numpy())
        bound.run()
        for name, float32, float64 in zip(graph.outputs, example.float32, example.float64, strict=True):
            found = torch.from_numpy(bound.outputs[name].copy())
            if not bool(found.isfinite().all()):
                raise VerificationError(f"{backend}, graph {graph.name}, output {name}, input {index}: not finite")
            start = example.inputs["z"] if name == "z_next" else torch.zeros(())
            rows[name].append(_compare(found - start, float32 - start, float64 - start))
            seen[name].append(found.numpy())
    for name, values in seen.items():
        if all(np.array_equal(values[0], value) for value in values[1:]):
            raise VerificationError(
                f"{backend}, graph {graph.name}, output {name}: the same for every input, so it was baked in"
            )
    return [_summary(graph.name, name, row) for name, row in rows.items()]


def _compare(found: Tensor, float32: Tensor, float64: Tensor) -> tuple[float, float, float]:
    found, float32, float64 = (tensor.detach().double().flatten() for tensor in (found, float32, float64))
    norm = float64.norm().clamp_min(1e-30)
    cosine = (found @ float64) / (found.norm() * norm).clamp_min(1e-30)
    return float((found - float64).norm() / norm), float((float32 - float64).norm() / norm), float(cosine)


def _summary(graph: str, output: str, rows: list[tuple[float, float, float]]) -> Check:
    errors, float32_errors, cosines = zip(*rows, strict=True)
    worst = int(np.argmax(errors))
    return Check(graph, output, errors[worst], max(float32_errors), min(cosines), worst)
