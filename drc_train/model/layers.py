"""Layers whose input gradient consists of few operators that can all be exported.

No operation works in place: the export of a gradient through an in-place activation fails.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NORM_EPSILON = 1e-5
"""Added to the variance."""

# Maps a 3x3 kernel to the 4x4 kernel with nearest upsampling folded in: column r marks the rows to which row r is added.
_NEAREST_FOLD = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


class _InstanceNormalisation(torch.autograd.Function):
    """With an explicit gradient that reuses the normalised map: two reductions forward, two backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        centred = x - x.mean((2, 3), keepdim=True)
        scale = torch.rsqrt((centred * centred).mean((2, 3), keepdim=True) + NORM_EPSILON)
        normalised = centred * scale
        ctx.save_for_backward(normalised, scale, weight)
        return normalised * weight + bias

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        normalised, scale, weight = ctx.saved_tensors
        product = gradient * normalised
        # weight is constant over a map: it moves out of both means into the small per-channel scale
        input_gradient = (scale * weight) * (
            gradient - gradient.mean((2, 3), keepdim=True) - normalised * product.mean((2, 3), keepdim=True)
        )
        return input_gradient, product.sum((0, 2, 3), keepdim=True)[0], gradient.sum((0, 2, 3), keepdim=True)[0]


class InstanceNorm(nn.Module):
    """Instance normalisation of ``(B, C, H, W)`` with a learned scale and offset for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return _InstanceNormalisation.apply(x, self.weight, self.bias)  # type: ignore[no-any-return]


def tap_matrix(size: int, upsampling: str) -> Tensor:
    """The matrix ``(2 size, 3 size)`` that doubles a line of ``size`` pixels and filters it with a kernel of 3 taps.

    Its input is the line once for each tap. The columns of tap r double the line and shift it by r - 1 pixels, with zeros at the
    ends, as a zero-padded convolution does. Bilinear doubling has half-pixel centres and repeats the edges.
    """
    mode = "nearest" if upsampling == "nearest" else "linear"
    doubled = F.interpolate(torch.eye(size)[None], scale_factor=2, mode=mode)[0].T
    padded = F.pad(doubled, (0, 0, 1, 1))
    return torch.cat([padded[tap : tap + 2 * size] for tap in range(3)], 1)


class UpConv(nn.Module):
    """Doubles the resolution, then convolves 3x3 without bias: ``(B, in, H, W)`` to ``(B, out, 2H, 2W)``, H = W.

    Both operations are linear, so most of the work can be done at the low resolution, in one of two exact ways.

    *Folded*, for nearest upsampling: one 4x4 transposed convolution of stride 2, whose kernel is a fixed linear map of the 3x3
    kernel. It takes 4 instead of 9 multiplications for each output, and its input gradient is one strided convolution.

    *By taps*: each of the kernel's 9 taps mixes the channels at the low resolution, which is a 1x1 convolution and a quarter of
    the work. Products with a constant matrix along the columns and then along the rows double, shift and add the 9 maps. This is
    the only way with bilinear upsampling; with nearest it is faster for layers that are wide for their size.
    """

    matrix: Tensor

    def __init__(self, inputs: int, outputs: int, size: int, upsampling: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        self.upsampling = upsampling
        # multiplications for each output channel: 16 inputs size^2 folded, 9 inputs size^2 + 30 size^3 by taps; the threshold
        # also accounts for memory traffic (benchmarks/README.md)
        self.folded = upsampling == "nearest" and inputs < max(256, 8 * size)
        self.register_buffer("matrix", _NEAREST_FOLD if self.folded else tap_matrix(size, upsampling), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.folded:
            kernel = self.matrix @ self.weight @ self.matrix.T
            return F.conv_transpose2d(x, kernel.transpose(0, 1), stride=2, padding=1)
        batch, inputs, size, _ = x.shape
        outputs = len(self.weight)
        taps = self.weight.permute(0, 3, 2, 1).reshape(9 * outputs, inputs, 1, 1)
        columns = self.matrix @ F.conv2d(x, taps).reshape(3 * batch * outputs, 3 * size, size)
        rows = columns.reshape(batch * outputs, 3, 2 * size, size).transpose(1, 2).reshape(-1, 3 * size)
        return (rows @ self.matrix.T).reshape(batch, outputs, 2 * size, 2 * size)


def grid_sample(source: Tensor, grid: Tensor) -> Tensor:
    """Samples an image bilinearly, with zeros outside of it.

    All four neighbours come from one gather with one set of indices, whose gradient is one scatter-add.

    Args:
        source: ``(B, C, H, W)``.
        grid: ``(B, 2, H', W')``, x and y; -1 and 1 are the outer edges of the border pixels (``align_corners=False``).

    Returns:
        ``(B, C, H', W')``.
    """
    batch, channels, height, width = source.shape
    out_height, out_width = grid.shape[2:]
    x = (grid[:, :1] + 1) * (width / 2) - 0.5
    y = (grid[:, 1:] + 1) * (height / 2) - 0.5
    left, top = x.detach().floor(), y.detach().floor()
    columns = torch.stack((left, left + 1, left, left + 1), 1)
    rows = torch.stack((top, top, top + 1, top + 1), 1)
    right_part, lower_part = x - left, y - top
    weights = torch.stack(
        (
            (1 - right_part) * (1 - lower_part),
            right_part * (1 - lower_part),
            (1 - right_part) * lower_part,
            right_part * lower_part,
        ),
        1,
    )
    # with these comparisons NaN does not count as outside, where it would become zero
    outside = (columns < 0) | (columns > width - 1) | (rows < 0) | (rows > height - 1)
    weights = torch.where(outside, torch.zeros_like(weights), weights)
    index = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    # NaN would become an arbitrary index, and the gather must stay inside. Before the cast, because TensorRT cannot clamp
    # integers
    index = torch.where(index >= 0, index, torch.zeros_like(index)).to(torch.int64)
    index = index.reshape(batch, 1, -1).expand(-1, channels, -1)
    neighbours = source.reshape(batch, channels, -1).gather(2, index).reshape(batch, channels, 4, out_height, out_width)
    return (neighbours * weights.reshape(batch, 1, 4, out_height, out_width)).sum(2)
