"""Traces a step to a graph of operators with the networks' parameters as inputs."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from drc_train.model.regions import RegionModel
from drc_train.sampling.decompositions import Decompositions

Parameters = dict[str, Tensor]
"""Parameters and buffers of the networks by name."""


def trace_step(
    step: Callable[..., tuple[Tensor, ...]],
    model: RegionModel,
    inputs: tuple[Tensor, ...],
    decompositions: Decompositions | None = None,
) -> GraphModule:
    """Traces ``step(model, *inputs)``, with the gradient that it takes.

    Args:
        step: such as ``posterior_step`` with its configuration bound.
        model: the networks.
        inputs: tensors of the shapes that the graph is for.
        decompositions: replacements of operators; None keeps all.

    Returns:
        A graph of ``(parameters, *inputs)``, see ``parameters_of``.
    """

    def explicit(parameters: Parameters, *tensors: Tensor) -> tuple[Tensor, ...]:
        return functional_call(_Bound(model, step), {f"model.{name}": p for name, p in parameters.items()}, tensors)

    return make_fx(explicit, decomposition_table=decompositions)(parameters_of(model), *inputs)  # type: ignore[no-any-return]


def parameters_of(model: RegionModel) -> Parameters:
    """Parameters and buffers by name, detached: the first argument of a traced step."""
    return {name: tensor.detach() for name, tensor in (*model.named_parameters(), *model.named_buffers())}


class _Bound(torch.nn.Module):
    def __init__(self, model: RegionModel, step: Callable[..., tuple[Tensor, ...]]) -> None:
        super().__init__()
        self.model = model
        self.step = step

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        return self.step(self.model, *tensors)
