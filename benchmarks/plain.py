"""PyTorch's own layers in place of this project's rewritten ones, by monkeypatching: the baseline of the benchmarks."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from drc_train.model import regions as model
from drc_train.model.layers import NORM_EPSILON, InstanceNorm, UpConv


@contextmanager
def replaced(owner: Any, attribute: str, value: Any) -> Iterator[None]:
    """Sets ``owner.attribute`` to ``value`` within the block."""
    kept = getattr(owner, attribute)
    setattr(owner, attribute, value)
    try:
        yield
    finally:
        setattr(owner, attribute, kept)


@contextmanager
def plain_layers() -> Iterator[None]:
    """Within the block, every model upsamples, convolves, normalises and samples grids by PyTorch's own operators.

    The weights are the same.
    """
    with ExitStack() as stack:
        for owner, attribute, value in (
            (UpConv, "forward", _upsample_and_convolve),
            (InstanceNorm, "forward", _normalise),
            (model, "grid_sample", _grid_sample),
        ):
            stack.enter_context(replaced(owner, attribute, value))
        yield


def _upsample_and_convolve(layer: UpConv, x: Tensor) -> Tensor:
    return F.conv2d(F.interpolate(x, scale_factor=2, mode=layer.upsampling), layer.weight, padding=1)


def _normalise(layer: InstanceNorm, x: Tensor) -> Tensor:
    return F.instance_norm(x, weight=layer.weight.flatten(), bias=layer.bias.flatten(), eps=NORM_EPSILON)


def _grid_sample(source: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(source, grid.permute(0, 2, 3, 1), align_corners=False)
