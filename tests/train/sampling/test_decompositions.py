"""Each rewritten backward operator against PyTorch's own, and refusals where the rewrite would be wrong."""

import pytest
import torch

from drc_train.sampling.decompositions import (
    SMALLEST_NORMAL,
    aten,
    convolution_input_gradient,
    export_decompositions,
    leaky_relu_input_gradient,
    select_input_gradient,
    slice_input_gradient,
)


def _random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("transposed", "stride", "padding", "kernel"),
    [(False, 1, 1, 3), (False, 1, 0, 4), (False, 1, 2, 3), (True, 2, 1, 4)],
)
def test_convolution(transposed: bool, stride: int, padding: int, kernel: int) -> None:
    x = _random(2, 3, 6, 6)
    weight = _random(*((3, 5) if transposed else (5, 3)), kernel, kernel, seed=1)
    setting = ([stride] * 2, [padding] * 2, [1, 1], transposed, [0, 0], 1)
    gradient = _random(*aten.convolution(x, weight, None, *setting).shape, seed=2)
    mask = [True, False, False]
    expected = aten.convolution_backward(gradient, x, weight, None, *setting, mask)[0]
    found = convolution_input_gradient(gradient, x, weight, None, *setting, mask)[0]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("stride", "dilation", "groups", "mask"),
    [
        (2, 1, 1, [True, False, False]),
        (1, 2, 1, [True, False, False]),
        (1, 1, 3, [True, False, False]),
        (1, 1, 1, [True, True, False]),
    ],
)
def test_what_has_no_rewrite_is_refused(stride: int, dilation: int, groups: int, mask: list[bool]) -> None:
    x, weight = _random(1, 3, 8, 8), _random(3, 3, 3, 3)
    with pytest.raises(ValueError):
        convolution_input_gradient(
            x, x, weight, None, [stride] * 2, [1, 1], [dilation] * 2, False, [0, 0], groups, mask
        )


@pytest.mark.parametrize(("dim", "start", "end"), [(0, 0, 2), (1, 1, 4), (2, 3, 5), (-1, -3, -1)])
def test_slice(dim: int, start: int, end: int) -> None:
    sizes = [3, 4, 5]
    gradient = _random(*torch.zeros(sizes).narrow(dim, start % sizes[dim], end - start).shape)
    expected = aten.slice_backward(gradient, sizes, dim, start, end, 1)
    torch.testing.assert_close(slice_input_gradient(gradient, sizes, dim, start, end, 1), expected)


@pytest.mark.parametrize(("dim", "index"), [(0, 2), (1, 0), (-1, 4)])
def test_select(dim: int, index: int) -> None:
    sizes = [3, 4, 5]
    gradient = _random(*torch.zeros(sizes).select(dim, index).shape)
    torch.testing.assert_close(
        select_input_gradient(gradient, sizes, dim, index), aten.select_backward(gradient, sizes, dim, index)
    )


@pytest.mark.parametrize("slope", [0.01, 0.2])
def test_leaky_relu(slope: float) -> None:
    x, gradient = _random(4, 5), _random(4, 5, seed=1)
    x[0] = torch.tensor([0.0, -0.0, float("inf"), SMALLEST_NORMAL, -SMALLEST_NORMAL])
    expected = aten.leaky_relu_backward(gradient, x, slope, False)
    torch.testing.assert_close(leaky_relu_input_gradient(gradient, x, slope, False), expected)


@pytest.mark.parametrize("slope", [-0.1, 0.0, 1.5])
def test_slopes_that_clipping_does_not_give_are_refused(slope: float) -> None:
    with pytest.raises(ValueError):
        leaky_relu_input_gradient(_random(2), _random(2), slope, False)


def test_the_export_s_table_holds_the_rewrites_and_the_core_s() -> None:
    table = export_decompositions()
    assert table[aten.convolution_backward.default] is convolution_input_gradient
    assert table[aten.leaky_relu_backward.default] is leaky_relu_input_gradient and aten.tanh_backward.default in table
