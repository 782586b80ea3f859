"""The initialiser: a network that takes an image to the latent where its posterior chain begins at inference.

It is no part of the paper, whose chains begin at noise. It learns to climb the log-posterior of the finished model (amortised
inference, see ``drc_train.learner.initialiser``) and replaces no chain: a few Langevin steps follow.
"""

import torch
from torch import Tensor, nn

from drc_train.config import SMALLEST_MAP, ModelConfig
from drc_train.model.networks import LATENT_SLOPE

CHANNELS = 32
"""Channels of the first layer; each further layer doubles them, up to ``MOST_CHANNELS``."""
MOST_CHANNELS = 256
SMALL = 1e-6
HIDDEN = 512
"""Units between the last map and the latent."""


class Initialiser(nn.Module):
    """Convolutions of stride 2 down to a 4x4 map, then two linear layers; each part of z has the length that chains have.

    Without the instance normalisation of the auxiliary classifiers, which would remove the colours that z has to draw. The
    generators hardly depend on the length of z, but a Langevin step of a short z turns it further than one of a long z: only at
    the chains' own length do steps improve a latent as they do in the chains.
    """

    scale: Tensor
    """Root mean square of the chains' foreground, background and, if there is one, re-assignment."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        latent = config.latent
        self.parts = [it for it in (latent.all_foreground, latent.background, latent.reassignment) if it]
        self.register_buffer("scale", torch.ones(len(self.parts)))
        layers: list[nn.Module] = []
        inputs, channels, size = 3, CHANNELS, config.image_size
        while size > SMALLEST_MAP:
            layers += [nn.Conv2d(inputs, channels, 4, 2, 1), nn.LeakyReLU(LATENT_SLOPE)]
            inputs, channels, size = channels, min(2 * channels, MOST_CHANNELS), size // 2
        layers += [nn.Flatten(), nn.Linear(inputs * SMALLEST_MAP**2, HIDDEN), nn.LeakyReLU(LATENT_SLOPE)]
        self.layers = nn.Sequential(*layers, nn.Linear(HIDDEN, config.latent.total))

    def measure(self, chains: Tensor) -> None:
        """Takes the length of each part from latents of chains, ``(N, D)``."""
        for index, part in enumerate(torch.split(chains, self.parts, 1)):
            self.scale[index] = part.square().mean().sqrt()

    def forward(self, image: Tensor) -> Tensor:
        """``(B, 3, H, W)`` in [-1, 1] to z ``(B, D)``."""
        parts = torch.split(self.layers(image), self.parts, 1)
        lengths = [torch.rsqrt(part.square().mean(1, keepdim=True) + SMALL) for part in parts]
        return torch.cat([self.scale[index] * part * lengths[index] for index, part in enumerate(parts)], 1)
