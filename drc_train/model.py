"""The generative model of section 3.2: two regions that compete for each pixel, and the priors of their latents."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from drc_train.config import ModelConfig
from drc_train.layers import grid_sample
from drc_train.networks import Classifier, Energy, Generator, initialise

SATURATION = 0.98
"""Largest brightness that a background picture starts with: beyond it tanh has no gradient left."""
LIGHT = 0.1
"""Scale of the first weights between a background latent and the light: about 10 % of contrast and brightness."""


class Regions(NamedTuple):
    """What the generators draw for a batch of latents. Pictures are in [-1, 1]."""

    foreground: Tensor
    """(B, 3, H, W)."""
    background: Tensor
    """(B, 3, H, W), re-assigned."""
    logit: Tensor
    """(B, 1, H, W): log(pi_f / pi_b), the foreground's mask logit minus the re-assigned background's."""
    foreground_logit: Tensor
    """(B, 1, H, W): the foreground's own mask logit."""
    background_before: Tensor
    """(B, 3, H, W) before re-assignment."""
    background_logit_before: Tensor
    """(B, 1, H, W): the background's own mask logit before re-assignment."""

    @property
    def mask(self) -> Tensor:
        """(B, 1, H, W) in [0, 1]: the mixture weight pi_f."""
        return torch.sigmoid(self.logit)


class RegionModel(nn.Module):
    """Foreground, background and re-assignment generators with their energy models (Fig. 1)."""

    def __init__(self, config: ModelConfig, generator: torch.Generator | None = None) -> None:
        """``generator`` draws the initial weights; None leaves them for a checkpoint to fill."""
        super().__init__()
        self.config = config
        latent, shape = config.latent, (config.base_channels, config.channels)
        background_shape = config.base_channels, config.background_channels or config.channels
        self.foreground = Generator(latent.foreground, *shape, outputs=4, upsampling=config.upsampling)
        self.background = Generator(latent.background, *background_shape, outputs=4, upsampling=config.upsampling)
        self.foreground_energy = Energy(latent.foreground, config.energy_width, config.foreground_categories, 2)
        self.background_energy = Energy(latent.background, config.energy_width, config.background_categories, 2)
        if latent.reassignment:
            self.reassignment = Generator(
                latent.reassignment, *shape, outputs=2, upsampling=config.upsampling, context=config.base_channels
            )
            self.reassignment_energy = Energy(latent.reassignment, config.reassignment_energy_width, 1, 3)
        size, channels = config.image_size, config.classifier_channels
        self.foreground_classifier = Classifier(size, channels, config.foreground_categories)
        self.background_classifier = Classifier(size, channels, config.background_categories)
        if config.background_picture:
            self.background_picture = nn.Parameter(torch.zeros(3, size, size))
            self.background_light = nn.Linear(latent.background, 6)
        if generator is not None:
            initialise(self, generator)
            with torch.no_grad():
                assert self.foreground.head.bias is not None
                self.foreground.head.bias[3] = config.foreground_bias

    @torch.no_grad()
    def start_background(self, picture: Tensor) -> None:
        """Starts the learned background picture at ``picture (3, H, W)`` in [-1, 1], and the generator at adding nothing."""
        self.background_picture.copy_(torch.atanh(picture.clamp(-SATURATION, SATURATION)))
        self.background.head.weight[:3] = 0
        self.background_light.weight *= LIGHT

    def _lit_picture(self, z_background: Tensor) -> Tensor:
        """The learned background picture under the light that z stands for: a gain and an offset for each channel.

        A path of its own because instance normalisation removes what is the same all over a map, and light is.
        """
        gain, offset = self.background_light(z_background)[:, :, None, None].chunk(2, 1)
        return self.background_picture * (1 + gain) + offset

    def split(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``z (B, D)`` to the foreground's, background's and re-assignment's parts."""
        latent = self.config.latent
        first, second = latent.foreground, latent.foreground + latent.background
        return z[:, :first], z[:, first:second], z[:, second:]

    def forward(self, z: Tensor) -> Regions:
        """``z (B, D)`` to the regions that it stands for (Listing 1)."""
        z_foreground, z_background, z_reassignment = self.split(z)
        drawn = self.foreground.grow(self.foreground.smallest_map(z_foreground))
        foreground, foreground_logit = torch.tanh(drawn[:, :3]), drawn[:, 3:]
        smallest = self.background.smallest_map(z_background)
        drawn = self.background.grow(smallest)
        colour = drawn[:, :3]
        if self.config.background_picture:
            colour = colour + self._lit_picture(z_background)
        before = torch.cat((torch.tanh(colour), drawn[:, 3:]), 1)
        after = before
        if self.config.latent.reassignment:
            own = self.reassignment.smallest_map(z_reassignment)
            grid = torch.tanh(self.reassignment.grow(torch.cat((own, smallest.detach()), 1)))
            after = grid_sample(before, grid)
        return Regions(
            foreground, after[:, :3], foreground_logit - after[:, 3:], foreground_logit, before[:, :3], before[:, 3:]
        )

    def energy(self, z: Tensor) -> Tensor:
        """``z (B, D)`` to the sum of the energies ``(B,)``; the prior is exp(-energy - |z|^2 / 2) up to a constant (Eq. 2)."""
        z_foreground, z_background, z_reassignment = self.split(z)
        total = self.foreground_energy(z_foreground) + self.background_energy(z_background)
        if self.config.latent.reassignment:
            total = total + self.reassignment_energy(z_reassignment)
        return total

    def generator_parameters(self) -> list[nn.Parameter]:
        """What the M-step moves: generators and auxiliary classifiers."""
        return [parameter for name, parameter in self.named_parameters() if "energy" not in name]

    def energy_parameters(self) -> list[nn.Parameter]:
        """What the energy models' own optimiser moves."""
        return [parameter for name, parameter in self.named_parameters() if "energy" in name]
