"""The precision of the E-step's convolutions: on GPUs the fastest whose gradient is close to float32's."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.fx import GraphModule

from drc_train.sampling.graph_passes import low_precision_convolutions

MIN_COSINE = 0.995
"""Smallest accepted cosine between a gradient and its float32 counterpart.

It is an angle of 6 degrees. The noise of a Langevin step is ten times as large as the gradient's part and hides it.
"""
HALVES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
FASTEST_FIRST = ("float16", "bfloat16", "tf32")


@contextmanager
def tensor_float32(allowed: bool) -> Iterator[None]:
    """Enables or disables TF32 (10-bit mantissa) on a GPU within the block."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def at_precision(graph: GraphModule, precision: str) -> GraphModule:
    """A copy of a traced step for ``precision``; for ``float32`` and ``tf32`` the step itself."""
    if precision not in HALVES:
        return graph
    return low_precision_convolutions(copy.deepcopy(graph), HALVES[precision])


@torch.no_grad()
def gradient_cosines(
    step: GraphModule, parameters: dict[str, Tensor], z: Tensor, image: Tensor, precisions: tuple[str, ...]
) -> dict[str, float]:
    """The cosine between each precision's move of ``z`` and float32's, without noise; 0 if it is NaN.

    Args:
        step: a traced posterior step.
        parameters: of the model, by name.
        z: ``(B, D)``.
        image: ``(B, 3, H, W)`` in [-1, 1].
        precisions: names as in ``TrainConfig.precision``.

    Returns:
        The cosine in [-1, 1] of each precision.
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
    """The fastest precision with a cosine of at least ``MIN_COSINE``, else ``float32``."""
    return next((name for name in FASTEST_FIRST if cosines.get(name, 0.0) >= MIN_COSINE), "float32")
