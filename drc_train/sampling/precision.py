"""How precisely the E-step's convolutions are computed: as coarsely as the gradient allows, on GPUs."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.fx import GraphModule

from drc_train.sampling.graph_passes import low_precision_convolutions

ENOUGH = 0.995
"""Least cosine between a gradient and its float32 counterpart.

The noise of a Langevin step is an order of magnitude larger than its gradient's part, so an angle of 6 degrees is lost in it.
"""
HALVES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
FASTEST_FIRST = ("float16", "bfloat16", "tf32")


@contextmanager
def tensor_float32(allowed: bool) -> Iterator[None]:
    """Lets a GPU round the factors of float32 products to 10 bits, or forbids it, within the block."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def at_precision(graph: GraphModule, precision: str) -> GraphModule:
    """A copy of a traced step for ``precision``; for ``float32`` and ``tf32`` it is the step itself."""
    if precision not in HALVES:
        return graph
    return low_precision_convolutions(copy.deepcopy(graph), HALVES[precision])


@torch.no_grad()
def gradient_cosines(
    step: GraphModule, parameters: dict[str, Tensor], z: Tensor, image: Tensor, precisions: tuple[str, ...]
) -> dict[str, float]:
    """The cosine of each precision's move of ``z`` with float32's, without noise; 0 where it is not a number.

    Args:
        step: a traced posterior step.
        parameters: of the model.
        z: ``(B, D)``.
        image: ``(B, 3, H, W)`` in [-1, 1].
        precisions: names as in ``TrainConfig.precision``.
    """

    def move(precision: str) -> Tensor:
        with tensor_float32(precision == "tf32"):
            graph = at_precision(step, precision)
            return (graph(parameters, z, image, torch.zeros_like(z))[0] - z).flatten().double()

    exact = move("float32")
    found = {}
    for precision in precisions:
        cosine = float(torch.nn.functional.cosine_similarity(move(precision), exact, dim=0))
        found[precision] = cosine if cosine == cosine else 0.0
    return found


def choose_precision(cosines: dict[str, float]) -> str:
    """The fastest precision whose gradient is near enough to float32's, else ``float32``."""
    return next((name for name in FASTEST_FIRST if cosines.get(name, 0.0) >= ENOUGH), "float32")
