"""The layers against PyTorch's own operators, values and gradients, in float64."""

import pytest
import torch
from torch.nn import functional as F

from drc_train.model.layers import InstanceNorm, UpConv, grid_sample


def _random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("upsampling", ["nearest", "bilinear"])
@pytest.mark.parametrize(("size", "inputs"), [(4, 3), (7, 3), (4, 256)], ids=str)
def test_up_conv_is_upsampling_then_convolution(upsampling: str, size: int, inputs: int) -> None:
    layer = UpConv(inputs, 5, size, upsampling).double()
    assert layer.folded == (upsampling == "nearest" and inputs == 3)
    layer.weight.data = _random(5, inputs, 3, 3)
    x = _random(2, inputs, size, size, seed=1).requires_grad_()
    options = {} if upsampling == "nearest" else {"align_corners": False}
    expected = F.conv2d(F.interpolate(x, scale_factor=2, mode=upsampling, **options), layer.weight, padding=1)
    found = layer(x)
    torch.testing.assert_close(found, expected)
    upstream = _random(*found.shape, seed=2)
    for ours, theirs in zip(
        torch.autograd.grad(found, (x, layer.weight), upstream),
        torch.autograd.grad(expected, (x, layer.weight), upstream),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_instance_norm_and_its_written_out_gradient() -> None:
    layer = InstanceNorm(3).double()
    layer.weight.data, layer.bias.data = _random(3, 1, 1), _random(3, 1, 1, seed=1)
    x = _random(2, 3, 4, 5, seed=2).requires_grad_()
    torch.testing.assert_close(layer(x), F.instance_norm(x, weight=layer.weight[:, 0, 0], bias=layer.bias[:, 0, 0]))
    assert torch.autograd.gradcheck(_norm, (x, layer.weight, layer.bias))


def _norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return torch.func.functional_call(InstanceNorm(3).double(), {"weight": weight, "bias": bias}, (x,))


def test_grid_sample_inside_and_outside() -> None:
    source = _random(2, 4, 5, 6).requires_grad_()
    grid = (_random(2, 2, 7, 3, seed=1) * 0.9).requires_grad_()
    assert (grid.abs() > 1).any(), "the test needs points outside"
    expected = F.grid_sample(source, grid.permute(0, 2, 3, 1), align_corners=False, padding_mode="zeros")
    found = grid_sample(source, grid)
    torch.testing.assert_close(found, expected)
    upstream = _random(*found.shape, seed=2)
    for ours, theirs in zip(
        torch.autograd.grad(found, (source, grid), upstream),
        torch.autograd.grad(expected, (source, grid), upstream),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_grid_sample_at_the_very_edge_is_finite() -> None:
    grid = torch.tensor([[[[-1.0, 1.0, 1.0]], [[-1.0, -1.0, 1.0]]]])
    source = torch.ones(1, 1, 4, 4)
    expected = F.grid_sample(source, grid.permute(0, 2, 3, 1), align_corners=False)
    torch.testing.assert_close(grid_sample(source, grid), expected)


def test_grid_sample_of_what_is_no_number_is_no_number() -> None:
    """A diverged chain has to be noticed by its figures, not by an index out of bounds."""
    found = grid_sample(torch.ones(1, 1, 4, 4), torch.full((1, 2, 3, 3), float("nan")))
    assert found.isnan().all()
