"""Learns the student from images and the soft masks of its teachers."""

from math import cos, pi

import torch
from torch import Tensor
from torch.nn import functional as F

from drc_train.model.student import SIZE, Student

BATCH = 16
RATE = 4e-3
"""Highest learning rate (Adam); it rises over ``WARM_UP`` steps and falls along half a cosine."""
WARM_UP = 20
WEIGHT_DECAY = 1e-4
SMALLEST_CROP = 0.7
"""Least side of the crop that is scaled to the whole image, as a share of the image's side."""
LIGHT = 0.25
"""Largest change of brightness, of contrast, and of each channel, as a share."""


class StudentLearner:
    """Moves a student towards its targets: cross-entropy, and the soft IoU by which masks are measured.

    Cross-entropy alone leaves uncertain pixels out of the mask, and the objects come out too small.
    """

    def __init__(self, network: Student, images: Tensor, targets: Tensor, seed: int) -> None:
        """Takes what is learned from.

        Args:
            network: is changed.
            images: ``(N, 3, SIZE, SIZE)`` uint8 RGB.
            targets: ``(N, SIZE, SIZE)`` uint8, the foreground's probability from 0 to 255.
            seed: of the batches and of their augmentation.
        """
        # channels last is a quarter faster on a processor; the stubs of nn.Module.to do not know it
        self._network = network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._images, self._targets = images, targets
        self._random = torch.Generator().manual_seed(seed)
        self._optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=WEIGHT_DECAY)
        self._done = 0
        self._order = torch.zeros(0, dtype=torch.long)

    def step(self, share: float) -> float:
        """One step; the loss of its batch. ``share``: of all steps, or of the time for them, that is over, in [0, 1]."""
        for group in self._optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (self._done + 1) / WARM_UP) * (1 + cos(pi * share)) / 2
        index = self._next()
        image = self._images[index].float() / 127.5 - 1
        target = self._targets[index].float()[:, None] / 255
        image, target = augment(image, target, self._random)
        loss = losses(self._network(image), target).mean()
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()
        self._done += 1
        return float(loss.detach())

    def _next(self) -> Tensor:
        """Numbers of the next batch: every image once in each round."""
        while len(self._order) < BATCH:
            self._order = torch.cat((self._order, torch.randperm(len(self._images), generator=self._random)))
        index, self._order = self._order[:BATCH], self._order[BATCH:]
        return index


def losses(log_odds: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy plus one minus the soft IoU, of each image: ``(B,)``.

    Args:
        log_odds: ``(B, 1, H, W)``.
        target: ``(B, 1, H, W)`` in [0, 1].
    """
    entropy = F.binary_cross_entropy_with_logits(log_odds, target, reduction="none").mean((1, 2, 3))
    found = torch.sigmoid(log_odds)
    common = (found * target).sum((1, 2, 3))
    union = (found + target - found * target).sum((1, 2, 3))
    return entropy + 1 - (common + 1) / (union + 1)


def augment(image: Tensor, target: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mirrors half of the images, crops each one and scales the crop, and changes its light and colours.

    Args:
        image: ``(B, 3, SIZE, SIZE)`` in [-1, 1].
        target: ``(B, 1, SIZE, SIZE)`` in [0, 1]; moves with its image.
        random: of all draws.
    """
    count = len(image)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=random) * (high - low) + low

    side = draw(SMALLEST_CROP, 1)
    mirror = torch.where(draw(0, 1) < 0.5, -1.0, 1.0)
    place = torch.zeros(count, 2, 3)
    place[:, 0, 0], place[:, 1, 1] = mirror * side, side
    place[:, :, 2] = draw(-1, 1, 2) * (1 - side)[:, None]
    grid = F.affine_grid(place, [count, 1, SIZE, SIZE], align_corners=False)
    both = F.grid_sample(torch.cat((image, target), 1), grid, padding_mode="border", align_corners=False)
    image, target = both[:, :3], both[:, 3:]
    contrast = draw(1 - LIGHT, 1 + LIGHT, 1, 1, 1) * draw(1 - LIGHT / 2, 1 + LIGHT / 2, 3, 1, 1)
    return (image * contrast + draw(-LIGHT, LIGHT, 1, 1, 1)).clamp(-1, 1), target.clamp(0, 1)
