"""Reference outputs of the model for random inputs, in float32 and float64; every backend is compared with them."""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.nn import functional as F

from drc_export.graphs import Graph
from drc_export.onnx import trace
from drc_train.model.regions import RegionModel

INPUTS = 6
"""Random inputs per graph."""
CHAIN_STEPS = 50
EVERY = 25
"""Steps between two latents of a chain that are candidates for the last input."""
CLEAR = 1e-3
"""Largest error of float32 autograd at such a candidate; above it the chain has converged and the gradient is rounding."""
NEIGHBOURS = 16
NEARBY = 3e-6
"""Relative distance of a perturbed input: a few ulp, the size to which rounding errors grow in a float32 network."""
SUM = "log_posterior"
SUM_ROUNDING = 2.0**-24
"""Relative error of a float32 sum over the image's elements, for each square root of their number.

A sum's error depends on the order, which each backend chooses: PyTorch adds by halves, onnxruntime nearly in sequence and is off
by 1e-6 at 128x128 and 2e-6 at 256x256, where PyTorch is off by 1e-7. In sequence it is 1e-5 and 2e-5.
"""
PROBABILITIES = ("mask", "responsibility")
RESOLUTION = 2.0**-22
"""Absolute difference below which two float32 probabilities count as equal: two units in the last place of 1.

Backends compute a sigmoid as 1/2 plus an odd function, so its error does not shrink with its value. onnxruntime's is off by up
to 1.7e-7 anywhere: 0.2 % of a probability of 6e-5, and all of one below 1e-8. PyTorch's has an accurate exponential.
"""


class Example(NamedTuple):
    """Inputs by name, and a graph's outputs for them in float32 and float64."""

    inputs: dict[str, Tensor]
    float32: list[Tensor]
    float64: list[Tensor]


class Deviation(NamedTuple):
    """Distance of an output from the float64 output."""

    error: float
    """L2 norm of the difference, relative to the L2 norm of the float64 output."""
    cosine: float


class Reference:
    """The model in float32 and float64; the examples of a graph are computed once.

    Args:
        model: the networks.
        traced: graphs that have been traced already, by name.
        seed: of the random inputs.
    """

    def __init__(self, model: RegionModel, traced: Mapping[str, GraphModule] | None = None, seed: int = 1) -> None:
        self._model, self._traced, self._seed = model, traced or {}, seed
        self._exact = copy.deepcopy(model).double()
        self._found: dict[Callable[..., tuple[Tensor, ...]], list[Example]] = {}
        self._nearby: dict[tuple[Callable[..., tuple[Tensor, ...]], int], list[dict[str, Deviation]]] = {}
        self._replaced: dict[tuple[Callable[..., tuple[Tensor, ...]], int], int] = {}

    def examples(self, graph: Graph) -> list[Example]:
        """``INPUTS`` random inputs of a graph, every second one without noise, and the outputs for them.

        The last input of a step with an image is a latent from a chain of up to ``CHAIN_STEPS`` steps on an image that the
        model generates: late in a chain the gradients of likelihood and prior nearly cancel, which exposes an imprecise
        gradient.
        """
        if graph.function not in self._found:
            random = torch.Generator().manual_seed(self._seed)
            inputs = [self._inputs(graph, random, index) for index in range(INPUTS)]
            self._found[graph.function] = [self._example(graph, tensors) for tensors in inputs]
        return self._found[graph.function]

    def replace(self, graph: Graph, index: int) -> Example:
        """Another random input of the same kind in place of example ``index``, from now on."""
        examples = self.examples(graph)
        key = graph.function, index
        self._replaced[key] = self._replaced.get(key, 0) + 1
        random = torch.Generator().manual_seed(self._seed + INPUTS * self._replaced[key] + index)
        examples[index] = self._example(graph, self._inputs(graph, random, index))
        self._nearby.pop(key, None)
        return examples[index]

    def float32_nearby(self, graph: Graph, index: int) -> Iterator[dict[str, Deviation]]:
        """Float32 errors of each output at ``NEIGHBOURS`` inputs, perturbed by a few ulp, each computed on demand.

        The gradient is discontinuous at non-differentiable points: a difference of zero, an activation of zero, a
        re-assigned pixel on the border between two source pixels. Within rounding of such a point a float32 backend may
        return the gradient of either side, and both are valid. So is the order of a sum.
        """
        found = self._nearby.setdefault((graph.function, index), [])
        for number in range(NEIGHBOURS):
            if number == len(found):
                found.append(self._neighbour(graph, index, number))
            yield found[number]

    def _neighbour(self, graph: Graph, index: int, number: int) -> dict[str, Deviation]:
        example = self.examples(graph)[index]
        random = torch.Generator().manual_seed(NEIGHBOURS * self._seed + number)
        near = {
            name: it * (1 + NEARBY * torch.randn(it.shape, generator=random)) for name, it in example.inputs.items()
        }
        found = dict(zip(graph.outputs, graph.function(self._model, *near.values()), strict=True))
        if "z_next" in found:
            found["z_next"] = found["z_next"] - near["z"] + example.inputs["z"]
        truths = dict(zip(graph.outputs, example.float64, strict=True))
        deviations = {name: deviation(example, name, value, truths[name]) for name, value in found.items()}
        if SUM in deviations:
            rounding = SUM_ROUNDING * example.inputs["image"].numel() ** 0.5
            deviations[SUM] = deviations[SUM]._replace(error=max(deviations[SUM].error, rounding))
        return deviations

    def _inputs(self, graph: Graph, random: torch.Generator, index: int) -> dict[str, Tensor]:
        tensors = dict(zip(graph.inputs, graph.random_inputs(random), strict=True))
        if "noise" in tensors and index % 2 == 0:
            tensors["noise"] = torch.zeros_like(tensors["noise"])
        if "image" in tensors and "z" in tensors and index == INPUTS - 1:
            return self._late(graph, tensors, random)
        return tensors

    def _late(self, graph: Graph, tensors: dict[str, Tensor], random: torch.Generator) -> dict[str, Tensor]:
        """The latest candidate of a chain without noise at which the error of float32 autograd is at most ``CLEAR``."""
        with torch.no_grad():
            drawn = torch.randn(tensors["z"].shape, generator=random)
            given = [tensors[name] for name in ("background", "background_scale") if name in tensors]
            regions = self._model(drawn, torch.cat((tensors["image"], *given), 1) if given else None)
            image = regions.mask * regions.foreground + (1 - regions.mask) * regions.background
        # The traced step is faster than autograd. If it is wrong, only another latent is checked.
        step = self._traced[graph.name] if graph.name in self._traced else trace(graph, self._model)
        z, output = tensors["z"], graph.outputs[0]
        chosen = {**tensors, "image": image}
        for count in range(1, CHAIN_STEPS + 1):
            silent_inputs = {**chosen, "z": z, "noise": torch.zeros_like(z)}
            z = step(*silent_inputs.values())[0]
            if count % EVERY == 0:
                silent = self._example(graph, {**silent_inputs, "z": z})
                if deviation(silent, output, silent.float32[0], silent.float64[0]).error > CLEAR:
                    break
                chosen["z"] = z
        return chosen

    def _example(self, graph: Graph, tensors: dict[str, Tensor]) -> Example:
        plain = graph.function(self._model, *tensors.values())
        truth = graph.function(self._exact, *(tensor.double() for tensor in tensors.values()))
        return Example(tensors, [it.detach() for it in plain], [it.detach() for it in truth])


def deviation(example: Example, output: str, found: Tensor, truth: Tensor) -> Deviation:
    """Distance of an output from its float64 value; of ``z_next`` the step from z is compared.

    Of a probability's difference, only what exceeds ``RESOLUTION`` counts.
    """
    start = example.inputs["z"] if output == "z_next" else torch.zeros(())
    found, truth = ((it.detach() - start).double().flatten() for it in (found, truth))
    if output in PROBABILITIES:
        found = truth + F.softshrink(found - truth, RESOLUTION)
    norm = truth.norm().clamp_min(1e-30)
    cosine = (found @ truth) / (found.norm() * norm).clamp_min(1e-30)
    return Deviation(float((found - truth).norm() / norm), float(cosine))
