"""Backward operators rewritten as forward operators, which makes a traced gradient exportable, and training faster.

ONNX has no backward operators, and PyTorch's core decompositions do not cover that of the convolution. Of its three gradients the
step needs only the one with respect to the input, because it moves z alone. That one is itself a convolution.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._decomp import core_aten_decompositions

aten = torch.ops.aten

SMALLEST_NORMAL = 2.0**-126
"""Smallest normal number of float32."""

Decompositions = dict[Any, Callable[..., Any]]


def convolution_input_gradient(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    bias_sizes: list[int] | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
    output_mask: list[bool],
) -> tuple[Tensor, None, None]:
    """The first output of ``aten.convolution_backward``, whose parameters these are: the framework calls it by position.

    The input gradient of a transposed convolution is the strided convolution with the same kernel. That of a convolution of
    stride 1 is a convolution with the kernel flipped and its channels exchanged.

    Raises:
        ValueError: another gradient is asked for, or the convolution has groups, dilation, output padding, or a stride
            without being transposed.
    """
    if output_mask[1] or output_mask[2] or groups != 1 or any(d != 1 for d in dilation) or any(output_padding):
        raise ValueError("only the input gradient of an ungrouped, undilated convolution has a decomposition")
    if transposed:
        return aten.convolution(gradient, weight, None, stride, padding, [1, 1], False, [0, 0], 1), None, None
    if any(s != 1 for s in stride):
        raise ValueError("the input gradient of a strided convolution has no decomposition")
    flipped = weight.flip(2, 3).transpose(0, 1)
    rest = [size - 1 - p for size, p in zip(weight.shape[2:], padding, strict=True)]
    return aten.convolution(gradient, flipped, None, [1, 1], rest, [1, 1], False, [0, 0], 1), None, None


def slice_input_gradient(gradient: Tensor, input_sizes: list[int], dim: int, start: int, end: int, step: int) -> Tensor:
    """``aten.slice_backward`` as padding with zeros. A scatter would cost more, and TensorRT before 10.9 refuses it.

    Raises:
        ValueError: a step other than 1.
    """
    if step != 1:
        raise ValueError("only the gradient of a slice of step 1 has a decomposition")
    dim %= len(input_sizes)
    start = start + input_sizes[dim] if start < 0 else start
    padding = [0, 0] * (len(input_sizes) - 1 - dim) + [start, input_sizes[dim] - start - gradient.shape[dim]]
    return aten.constant_pad_nd(gradient, padding, 0.0)  # type: ignore[no-any-return]


def select_input_gradient(gradient: Tensor, input_sizes: list[int], dim: int, index: int) -> Tensor:
    """``aten.select_backward``: the gradient of a slice of length one."""
    dim %= len(input_sizes)
    return slice_input_gradient(gradient.unsqueeze(dim), input_sizes, dim, index, index + 1, 1)


def leaky_relu_input_gradient(gradient: Tensor, x: Tensor, slope: float, is_result: bool) -> Tensor:
    """``aten.leaky_relu_backward`` as a product with x / ``SMALLEST_NORMAL``, clipped to [slope, 1].

    The clipped factor is 1 for every positive normal number, and the slope for numbers up to 0. The usual Where takes a fifth of
    the small models' step in onnxruntime, which computes it element by element.

    Raises:
        ValueError: a slope outside (0, 1).
    """
    if not 0 < slope < 1:
        raise ValueError("only the gradient of a leaky ReLU with a slope between 0 and 1 has a decomposition")
    return gradient * (x * (1 / SMALLEST_NORMAL)).clamp(slope, 1.0)


def training_decompositions() -> Decompositions:
    """For the compiled training step: only the operators for which the compiler has no better kernel."""
    return {aten.convolution_backward.default: convolution_input_gradient}


def export_decompositions() -> Decompositions:
    """For the exported graph: all backward operators in the steps."""
    return {
        **core_aten_decompositions(),
        **training_decompositions(),
        aten.leaky_relu_backward.default: leaky_relu_input_gradient,
        aten.slice_backward.default: slice_input_gradient,
        aten.select_backward.default: select_input_gradient,
    }
