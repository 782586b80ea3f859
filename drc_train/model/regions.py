"""The generative model of section 3.2: regions that compete for each pixel, and the priors of their latents."""

from math import log
from typing import NamedTuple

import torch
from torch import Tensor, nn

from drc_runtime.camera.plain import DARKEST
from drc_train.config import ModelConfig
from drc_train.model.initialiser import Initialiser
from drc_train.model.layers import grid_sample
from drc_train.model.networks import Classifier, Encoder, Energy, Generator, initialise
from drc_train.model.student import Student

SATURATION = 0.98
"""Largest absolute value of an initial background image in [-1, 1]: beyond it the gradient of tanh vanishes."""
LIGHT = 0.1
"""Scale of the initial weights from a background latent to the light: about 10 % of contrast and brightness."""
CENTRE_WIDTH = 0.5
"""Standard deviation of the bump in ``centred``; the image reaches from -1 to 1."""


class Regions(NamedTuple):
    """The generators' output for a batch of latents. Images are in [-1, 1].

    The K foreground slots are folded into the batch: row b K + k is slot k of image b.
    """

    slots: Tensor
    """(B K, 3, H, W): the foreground slots' images."""
    background: Tensor
    """(B, 3, H, W), re-assigned."""
    slot_logits: Tensor
    """(B K, 1, H, W): log(pi_k / pi_b), the slot's mask logit minus the re-assigned background's."""
    slot_logits_before: Tensor
    """(B K, 1, H, W): the slot's own mask logit."""
    background_before: Tensor
    """(B, 3, H, W) before re-assignment."""
    background_logit_before: Tensor
    """(B, 1, H, W): the background's own mask logit before re-assignment."""

    @property
    def slot_count(self) -> int:
        """K, the number of foreground slots."""
        return len(self.slots) // len(self.background)

    def for_each_slot(self, x: Tensor) -> Tensor:
        """Repeats each image's values for each of its slots: ``(B, C, H, W)`` to ``(B K, C, H, W)``."""
        return x if self.slot_count == 1 else x.unsqueeze(1).expand(-1, self.slot_count, -1, -1, -1).flatten(0, 1)

    def over_slots(self, logits: Tensor) -> Tensor:
        """Log-sum-exp over each image's slots: ``(B K, C, H, W)`` to ``(B, C, H, W)``."""
        return logits if self.slot_count == 1 else logits.unflatten(0, (-1, self.slot_count)).logsumexp(1)

    @property
    def logit(self) -> Tensor:
        """(B, 1, H, W): log(pi_f / pi_b), with pi_f the sum over all slots."""
        return self.over_slots(self.slot_logits)

    @property
    def mask(self) -> Tensor:
        """(B, 1, H, W) in [0, 1]: the mixture weight pi_f, the sum over all slots."""
        return torch.sigmoid(self.logit)

    @property
    def foreground(self) -> Tensor:
        """(B, 3, H, W): the slots' images, averaged with their shares of pi_f as weights."""
        if self.slot_count == 1:
            return self.slots
        images, logits = (x.unflatten(0, (-1, self.slot_count)) for x in (self.slots, self.slot_logits))
        return (logits.softmax(1) * images).sum(1)


def centred(size: int) -> Tensor:
    """``(1, size, size)``: a Gaussian bump, scaled to 1 in the centre and about -1 in the corners."""
    across = (torch.arange(size) + 0.5) * 2 / size - 1
    distance = across.square() + across.square()[:, None]
    return (2 * torch.exp(-distance / (2 * CENTRE_WIDTH**2)) - 1)[None]


def _lit(drawn: Tensor, observation: Tensor | None) -> Tensor:
    """The given background times a local gain between ``DARKEST`` and its inverse: black, -1, stays black."""
    gain = torch.exp(-log(DARKEST) * torch.tanh(drawn))
    given = torch.zeros_like(drawn) if observation is None else observation[:, 3:6]
    return (given + 1) * gain - 1


class RegionModel(nn.Module):
    """Foreground, background and re-assignment generators with their energy models (Fig. 1)."""

    def __init__(self, config: ModelConfig, generator: torch.Generator | None = None) -> None:
        """``generator`` draws the initial weights; None leaves PyTorch's, for a checkpoint to replace."""
        super().__init__()
        self.config = config
        latent, shape = config.latent, (config.base_channels, config.channels)
        background_shape = config.base_channels, config.background_channels or config.channels
        self.foreground = Generator(latent.foreground, *shape, outputs=4, upsampling=config.upsampling)
        self.background = Generator(latent.background, *background_shape, outputs=4, upsampling=config.upsampling)
        has_energies = config.inference == "langevin"
        if has_energies:
            width, sign = config.energy_width, config.energy_sign
            self.foreground_energy = Energy(latent.foreground, width, config.foreground_categories, 2, sign)
            self.background_energy = Energy(latent.background, width, config.background_categories, 2, sign)
        if latent.reassignment:
            self.reassignment = Generator(
                latent.reassignment, *shape, outputs=2, upsampling=config.upsampling, context=config.base_channels
            )
        if latent.reassignment and has_energies:
            self.reassignment_energy = Energy(latent.reassignment, config.reassignment_energy_width, 1, 3)
        self.initialiser: Initialiser | None = None
        """Set by ``load_model`` where the run has one; the learner's model does not hold it."""
        self.student: Student | None = None
        """Likewise."""
        size, channels = config.image_size, config.classifier_channels
        if not has_energies:
            parts = (latent.all_foreground, latent.background, latent.reassignment)
            self.encoders = nn.ModuleList(Encoder(size, channels, dimensions) for dimensions in parts if dimensions)
        self.foreground_classifier = Classifier(size, channels, config.foreground_categories)
        self.background_classifier = Classifier(size, channels, config.background_categories)
        if config.foreground_centre:
            self.foreground_place = nn.Parameter(config.foreground_centre * centred(size))
        if config.background_image:
            self.background_image = nn.Parameter(torch.zeros(3, size, size))
            self.background_light = nn.Linear(latent.background, 6)
        if generator is not None:
            initialise(self, generator)
            with torch.no_grad():
                assert self.foreground.head.bias is not None
                self.foreground.head.bias[3] = config.foreground_bias
                if config.background_input:  # starts at a gain of 1 and no mask of its own
                    self.background.head.weight.zero_()

    @torch.no_grad()
    def start_background(self, image: Tensor) -> None:
        """Initialises the learned background image with ``image (3, H, W)`` in [-1, 1]; the generator adds nothing to it yet."""
        self.background_image.copy_(torch.atanh(image.clamp(-SATURATION, SATURATION)))
        self.background.head.weight[:3] = 0
        self.background_light.weight *= LIGHT

    def _lit_image(self, z_background: Tensor) -> Tensor:
        """The learned background image times a gain plus an offset for each channel, both functions of z.

        The generator cannot do this, because instance normalisation removes whatever is constant over a map.
        """
        gain, offset = self.background_light(z_background)[:, :, None, None].chunk(2, 1)
        return self.background_image * (1 + gain) + offset

    def split(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Splits ``z (B, D)`` into the parts of foreground ``(B K, D_f)``, background and re-assignment.

        The foreground's part has one row for each slot.
        """
        latent = self.config.latent
        first, second = latent.all_foreground, latent.all_foreground + latent.background
        foreground = z[:, :first] if latent.foreground_slots == 1 else z[:, :first].reshape(-1, latent.foreground)
        return foreground, z[:, first:second], z[:, second:]

    def forward(self, z: Tensor, observation: Tensor | None = None) -> Regions:
        """Generates the regions of ``z (B, D)`` (Listing 1).

        With ``background_input`` the background is the one that ``observation (B, 7, H, W)`` holds, under the light that its
        generator draws; without an observation it is grey.
        """
        z_foreground, z_background, z_reassignment = self.split(z)
        drawn = self.foreground.grow(self.foreground.smallest_map(z_foreground))
        slots, slot_logits = torch.tanh(drawn[:, :3]), drawn[:, 3:]
        if self.config.foreground_centre:
            slot_logits = slot_logits + self.foreground_place
        smallest = self.background.smallest_map(z_background)
        drawn = self.background.grow(smallest)
        colour = drawn[:, :3]
        if self.config.background_image:
            colour = colour + self._lit_image(z_background)
        if self.config.background_input:
            before = torch.cat((_lit(colour, observation), drawn[:, 3:]), 1)
        else:
            before = torch.cat((torch.tanh(colour), drawn[:, 3:]), 1)
        after = before
        if self.config.latent.reassignment:
            after = grid_sample(before, self._grid(z_reassignment, smallest))
        regions = Regions(slots, after[:, :3], slot_logits, slot_logits, before[:, :3], before[:, 3:])
        return regions._replace(slot_logits=slot_logits - regions.for_each_slot(after[:, 3:]))

    def _grid(self, z_reassignment: Tensor, smallest: Tensor) -> Tensor:
        own = self.reassignment.smallest_map(z_reassignment)
        return torch.tanh(self.reassignment.grow(torch.cat((own, smallest.detach()), 1)))

    def reassignment_grid(self, z: Tensor) -> Tensor:
        """The source of each re-assigned background pixel: ``z (B, D)`` to x, y in [-1, 1], ``(B, 2, H, W)``."""
        _, z_background, z_reassignment = self.split(z)
        return self._grid(z_reassignment, self.background.smallest_map(z_background))

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x), both ``(B, D)``, from images ``(B, 3, H, W)``; for amortised inference only."""
        means, log_variances = zip(*(encoder(image) for encoder in self.encoders), strict=True)
        return torch.cat(means, 1), torch.cat(log_variances, 1)

    def energy(self, z: Tensor) -> Tensor:
        """The sum of all energies: ``z (B, D)`` to ``(B,)``. The prior is exp(-energy - |z|^2 / 2) up to a constant (Eq. 2).

        Zero with amortised inference, whose prior is N(0, I).
        """
        if self.config.inference == "amortised":
            return torch.zeros_like(z[:, 0])
        z_foreground, z_background, z_reassignment = self.split(z)
        foreground = self.foreground_energy(z_foreground)
        if self.config.latent.foreground_slots > 1:
            foreground = foreground.unflatten(0, (len(z), -1)).sum(1)
        total = foreground + self.background_energy(z_background)
        if self.config.latent.reassignment:
            total = total + self.reassignment_energy(z_reassignment)
        return total

    def energy_parameters(self) -> dict[str, nn.Parameter]:
        """The parameters of the energy models by name: what Eq. 3 moves. None with amortised inference."""
        return {
            name: parameter
            for child, module in self.named_children()
            if isinstance(module, Energy)
            for name, parameter in module.named_parameters(prefix=child)
        }

    def generator_parameters(self) -> dict[str, nn.Parameter]:
        """All other parameters by name: what the M-step moves (generators, auxiliary classifiers, encoders)."""
        energies = self.energy_parameters()
        return {name: parameter for name, parameter in self.named_parameters() if name not in energies}
