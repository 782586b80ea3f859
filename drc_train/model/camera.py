"""The densities of a fixed camera, whose background picture and scale are given (docs/background.md).

An observation is ``(B, 7, H, W)``: the image, the background under the light of that image, both in [-1, 1], and the scale of
each pixel, the mean absolute deviation of a channel from the background.
"""

from math import log

import torch
from torch import Tensor
from torch.nn import functional as F

from drc_runtime.camera.background import LEAST_SCALE
from drc_runtime.camera.plain import DARKEST, SHADOW_SCALE, WINDOW
from drc_train.config import Likelihood
from drc_train.model.regions import Regions

OBSERVED = 7
"""Channels of an observation."""
UNIT = 127.5
"""Grey levels in a unit of the network's range; the runtime's constants are in grey levels."""


def camera_log_likelihoods(regions: Regions, observation: Tensor, likelihood: Likelihood) -> tuple[Tensor, Tensor]:
    """The log-density of each pixel, all channels together, in each region.

    The background's is a Laplace density of the given scale around the lit picture, mixed with one around the picture in shadow;
    the foreground's a Laplace density around the slot's picture, mixed with a uniform one over the cube of colours.

    Args:
        regions: drawn from a batch of latents.
        observation: ``(B, 7, H, W)``.
        likelihood: sigma of the foreground and both weights.

    Returns:
        Of each foreground slot ``(B K, 1, H, W)`` and of the background ``(B, 1, H, W)``.
    """
    image, given, scale = observation[:, :3], observation[:, 3:6], observation[:, 6:].clamp_min(LEAST_SCALE / UNIT)
    background = _laplace(image - regions.background, scale)
    if likelihood.shadow:
        gain = local_gain(image, given)
        shadow = _laplace(image + 1 - gain * (given + 1), torch.full_like(scale, SHADOW_SCALE / UNIT))
        background = _mixture(background, shadow, likelihood.shadow)
    uniform = torch.full_like(regions.slots[:, :1], -3 * log(2))
    if likelihood.unknown == 1:
        return uniform, background
    foreground = _laplace(
        regions.slots - regions.for_each_slot(image), torch.full_like(uniform, 2 * likelihood.foreground**2)
    )
    return (_mixture(foreground, uniform, likelihood.unknown) if likelihood.unknown else foreground), background


def local_gain(image: Tensor, background: Tensor) -> Tensor:
    """The darkening of each pixel's neighbourhood by least squares, in [``DARKEST``, 1]: ``(B, 1, H, W)``."""

    def mean(product: Tensor) -> Tensor:
        return F.avg_pool2d(product.sum(1, keepdim=True), WINDOW, 1, WINDOW // 2)

    lit = background + 1
    return (mean((image + 1) * lit) / (mean(lit * lit) + 1e-6)).clamp(DARKEST, 1.0)


def _laplace(difference: Tensor, scale: Tensor) -> Tensor:
    return -difference.abs().sum(1, keepdim=True) / scale - 3 * torch.log(2 * scale)


def _mixture(first: Tensor, second: Tensor, weight: float) -> Tensor:
    """log((1 - weight) exp(first) + weight exp(second))."""
    second = second + log(weight)
    return second + F.softplus(first + log(1 - weight) - second)
