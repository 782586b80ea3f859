"""The networks of Table S2: generators, latent-space energy models, auxiliary classifiers; and Table 2's encoders."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drc_train.config import SMALLEST_MAP
from drc_train.model.layers import InstanceNorm, UpConv

GENERATOR_SLOPE = 0.01
"""Slope of the leaky ReLUs between the generators' stages."""
LATENT_SLOPE = 0.2
"""Slope of all other leaky ReLUs."""


class Generator(nn.Module):
    """Maps a latent to an image of ``outputs`` channels: a fully connected layer, then upsample-convolve-normalise stages.

    The stages can also read ``context`` channels of another generator's 4x4 map: the re-assignment generator reads the
    background's (Appendix D).
    """

    def __init__(
        self, latent: int, base: int, channels: tuple[int, ...], outputs: int, upsampling: str, context: int = 0
    ) -> None:
        super().__init__()
        self.base = base
        self.project = nn.Linear(latent, SMALLEST_MAP * SMALLEST_MAP * base)
        sizes = [base + context, *channels]
        self.stages = nn.ModuleList(
            UpConv(inputs, out, SMALLEST_MAP * 2**level, upsampling)
            for level, (inputs, out) in enumerate(zip(sizes, channels, strict=False))
        )
        self.norms = nn.ModuleList(InstanceNorm(out) for out in channels)
        self.head = nn.Conv2d(channels[-1], outputs, 3, padding=1)

    def smallest_map(self, z: Tensor) -> Tensor:
        """``(B, latent)`` to the first stage's input ``(B, base, 4, 4)``."""
        projected = F.leaky_relu(self.project(z), LATENT_SLOPE)
        return projected.reshape(-1, self.base, SMALLEST_MAP, SMALLEST_MAP)

    def grow(self, x: Tensor) -> Tensor:
        """``(B, base + context, 4, 4)`` to ``(B, outputs, H, W)``, without a last activation."""
        for stage, norm in zip(self.stages, self.norms, strict=True):
            x = F.leaky_relu(norm(stage(x)), GENERATOR_SLOPE)
        return self.head(x)  # type: ignore[no-any-return]


class Energy(nn.Module):
    """A latent-space energy model (Eq. 2): an MLP over z, ``hidden`` layers deep.

    With ``categories`` > 1 the outputs are the logits of the symbolic vector y and the energy is the negative log-sum-exp, so
    that p(y | z) is their softmax (section 3.1, Pang et al. [64]). With 1 the output is the energy itself.
    """

    def __init__(self, latent: int, width: int, categories: int, hidden: int, sign: int = -1) -> None:
        """``sign`` is that of the log-sum-exp (``ModelConfig.energy_sign``)."""
        super().__init__()
        self.sign = sign
        sizes = [latent, *[width] * hidden]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False))
        self.last = nn.Linear(width, categories)

    def logits(self, z: Tensor) -> Tensor:
        """``(B, latent)`` to ``(B, categories)``."""
        for layer in self.hidden:
            z = F.leaky_relu(layer(z), LATENT_SLOPE)
        return self.last(z)  # type: ignore[no-any-return]

    def forward(self, z: Tensor) -> Tensor:
        """``(B, latent)`` to the energies ``(B,)``."""
        logits = self.logits(z)
        return logits[:, 0] if logits.shape[1] == 1 else self.sign * logits.logsumexp(1)


class Classifier(nn.Module):
    """The auxiliary classifier that predicts a region's category from its image (section 3.4, Appendix C.2)."""

    def __init__(self, image_size: int, channels: int, categories: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, size = 3, image_size
        while size > SMALLEST_MAP:
            layers += [nn.Conv2d(inputs, channels, 4, 2, 1), InstanceNorm(channels), nn.LeakyReLU(LATENT_SLOPE)]
            inputs, channels, size = channels, channels * 2, size // 2
        layers.append(nn.Conv2d(inputs, categories, SMALLEST_MAP))
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        """``(B, 3, H, W)`` in [-1, 1] to logits ``(B, categories)``."""
        return self.layers(image).flatten(1)  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """Maps an image to a diagonal Gaussian over a part of z, for amortised inference (Table 2).

    The paper does not describe its encoders; these have the layers of the auxiliary classifiers.
    """

    def __init__(self, image_size: int, channels: int, latent: int) -> None:
        super().__init__()
        self.layers = Classifier(image_size, channels, 2 * latent)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, 3, H, W)`` in [-1, 1] to mean and log-variance, both ``(B, latent)``."""
        mean, log_variance = self.layers(image).chunk(2, 1)
        return mean, log_variance


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Initialises with orthogonal weights of gain 1 and zero biases (Appendix B)."""
    for parameter_name, parameter in module.named_parameters():
        if parameter.ndim > 1 and parameter_name.endswith("weight") and parameter.shape[1:] != (1, 1):
            nn.init.orthogonal_(parameter, generator=generator)
        elif parameter_name.endswith("bias"):
            nn.init.zeros_(parameter)
