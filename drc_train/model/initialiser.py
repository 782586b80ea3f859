"""The initialiser: a network that takes an image to the latent where its posterior chain begins at inference.

It is no part of the paper, whose chains begin at noise. It learns to climb the log-posterior of the finished model (amortised
inference, see ``drc_train.learner.initialiser``) and replaces no chain: a few Langevin steps follow.
"""

from torch import Tensor, nn

from drc_train.config import SMALLEST_MAP, ModelConfig
from drc_train.model.networks import LATENT_SLOPE

CHANNELS = 32
"""Channels of the first layer; each further layer doubles them, up to ``MOST_CHANNELS``."""
MOST_CHANNELS = 256
HIDDEN = 512
"""Units between the last map and the latent."""


class Initialiser(nn.Module):
    """Convolutions of stride 2 down to a 4x4 map, then two linear layers.

    Without the instance normalisation of the auxiliary classifiers, which would remove the colours that z has to draw.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, channels, size = 3, CHANNELS, config.image_size
        while size > SMALLEST_MAP:
            layers += [nn.Conv2d(inputs, channels, 4, 2, 1), nn.LeakyReLU(LATENT_SLOPE)]
            inputs, channels, size = channels, min(2 * channels, MOST_CHANNELS), size // 2
        layers += [nn.Flatten(), nn.Linear(inputs * SMALLEST_MAP**2, HIDDEN), nn.LeakyReLU(LATENT_SLOPE)]
        self.layers = nn.Sequential(*layers, nn.Linear(HIDDEN, config.latent.total))

    def forward(self, image: Tensor) -> Tensor:
        """``(B, 3, H, W)`` in [-1, 1] to z ``(B, D)``."""
        return self.layers(image)  # type: ignore[no-any-return]
