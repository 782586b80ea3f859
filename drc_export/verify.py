"""Verifies exported graphs: a backend's outputs for random inputs against float64 autograd."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from drc_export.graphs import Graph
from drc_export.reference import Example, Reference, deviation
from drc_runtime.engines.protocol import Array, BoundGraph, Engine
from drc_runtime.errors import VerificationError

FLOOR = 3e-7
"""The least that float32 autograd is taken to be off by, however close it happened to come: a few roundings."""

REPLACEMENTS = 3
"""Other inputs that are tried in the place of one that lies at a corner (``Check.tells_nothing``)."""


@dataclass(frozen=True)
class Tolerance:
    """Largest deviation that a precision may have."""

    ratio: float
    """How much further from float64 than float32 autograd the backend may be, at the same input."""
    ceiling: float
    """Largest relative error in any case."""
    cosine: float
    """Smallest cosine; where float32 autograd is below it, ``1 - cosine`` may be ``ratio`` times that of float32 autograd."""


FLOAT32 = Tolerance(ratio=3.0, ceiling=5e-2, cosine=1 - 1e-5)
FLOAT16 = Tolerance(ratio=float("inf"), ceiling=0.1, cosine=0.995)


@dataclass(frozen=True)
class Check:
    """One output of one graph at the input where it is furthest off; errors are relative to float64 in the L2 norm."""

    graph: str
    output: str
    error: float
    float32_error: float
    cosine: float
    float32_cosine: float
    worst_input: int
    tolerance: Tolerance = FLOAT32
    backend: str = "onnxruntime"

    @property
    def tells_nothing(self) -> bool:
        """Whether the check failed where float32 itself is off by so much that the ceiling is the only bound.

        Such an input lies at a corner of the model, where a few ulp choose between two gradients that are both valid.
        """
        return self.problem is not None and self.tolerance.ratio * self.float32_error > self.tolerance.ceiling

    @property
    def problem(self) -> str | None:
        """What is out of tolerance, in one line, or None."""
        where = f"{self.backend}, graph {self.graph}, output {self.output}, input {self.worst_input}"
        limit = min(self.tolerance.ratio * max(self.float32_error, FLOOR), self.tolerance.ceiling)
        if not self.error <= limit:
            return f"{where}: off by {self.error:.1e} where {limit:.1e} is allowed"
        slack = 1 - self.tolerance.cosine
        if self.tolerance.ratio < float("inf"):
            slack = max(slack, self.tolerance.ratio * (1 - self.float32_cosine))
        if not 1 - self.cosine <= slack:
            return f"{where}: 1 - cosine is {1 - self.cosine:.1e} where {slack:.0e} is allowed"
        return None


def verify(
    engine: Engine,
    reference: Reference,
    graphs: Sequence[Graph],
    tolerance: Tolerance = FLOAT32,
    backend: str = "onnxruntime",
) -> list[Check]:
    """Runs every graph on random inputs and compares all outputs; of ``z_next`` the step from z is compared.

    Raises:
        VerificationError: an output is out of tolerance, not finite, or the same for all inputs (a gradient that was exported
            as a constant).
    """
    checks = [check for graph in graphs for check in _verify_graph(engine, reference, graph, tolerance, backend)]
    problems = [check.problem for check in checks if check.problem]
    if problems:
        raise VerificationError(f"the export does not compute what the model does: {problems[0]}")
    return checks


def _verify_graph(
    engine: Engine, reference: Reference, graph: Graph, tolerance: Tolerance, backend: str
) -> list[Check]:
    bound = engine.bind(graph.name, graph.outputs)
    checks: dict[str, list[Check]] = {name: [] for name in graph.outputs}
    seen: dict[str, list[Array]] = {name: [] for name in graph.outputs}
    for index, example in enumerate(list(reference.examples(graph))):
        found = _compare(bound, reference, graph, index, example, tolerance, backend)
        for _ in range(REPLACEMENTS):
            if not any(check.tells_nothing for check in found):
                break
            found = _compare(bound, reference, graph, index, reference.replace(graph, index), tolerance, backend)
        for check in found:
            checks[check.output].append(check)
            seen[check.output].append(bound.outputs[check.output].copy())
    for name, values in seen.items():
        if all(np.array_equal(values[0], value) for value in values[1:]):
            raise VerificationError(
                f"{backend}, graph {graph.name}, output {name}: the same for every input, so it was exported as a constant"
            )
    return [max(rows, key=lambda check: (check.problem is not None, check.error)) for rows in checks.values()]


def _compare(
    bound: BoundGraph,
    reference: Reference,
    graph: Graph,
    index: int,
    example: Example,
    tolerance: Tolerance,
    backend: str,
) -> list[Check]:
    """Runs the graph on one input and checks each output."""
    for name, tensor in example.inputs.items():
        np.copyto(bound.inputs[name], tensor.numpy())
    bound.run()
    checks = []
    for name, float32, float64 in zip(graph.outputs, example.float32, example.float64, strict=True):
        found = torch.from_numpy(bound.outputs[name].copy())
        if not bool(found.isfinite().all()):
            raise VerificationError(f"{backend}, graph {graph.name}, output {name}, input {index}: not finite")
        error, cosine = deviation(example, name, found, float64)
        own, own_cosine = deviation(example, name, float32, float64)
        check = Check(graph.name, name, error, own, cosine, own_cosine, index, tolerance, backend)
        checks.append(_with_nearby_errors(check, reference, graph))
    return checks


def _with_nearby_errors(check: Check, reference: Reference, graph: Graph) -> Check:
    """Counts float32 autograd's errors around the input, until the check passes or there are no more neighbours."""
    if check.problem is None:
        return check
    for nearby in reference.float32_nearby(graph, check.worst_input):
        error, cosine = nearby[check.output]
        check = replace(
            check,
            float32_error=max(check.float32_error, error),
            float32_cosine=min(check.float32_cosine, cosine),
        )
        if check.problem is None:
            break
    return check
