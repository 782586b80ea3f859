"""Keeps trouble out of what is learned: chains that diverged, updates that are not finite, energies that drift apart."""

import torch
from torch import Tensor

LARGEST = 50.0
"""Root mean square of a latent beyond which its chain has exploded; under the reference distribution N(0, I) it is 1."""
PERSISTENT = 10
"""So many troubled iterations in a row are no accident."""
TROUBLED_SHARE = 0.25
"""An iteration is troubled when this share of its chains had to be re-drawn, or when an update was left out."""


def diverged(z: Tensor, value: Tensor) -> Tensor:
    """Which chains have left the range that means something, by latents ``(B, D)`` and log-posteriors or energies ``(B,)``."""
    return ~(z.isfinite().all(1) & value.isfinite() & (z.square().mean(1) < LARGEST**2))


def mend(z: Tensor, value: Tensor, seed: int) -> tuple[Tensor, Tensor, int]:
    """Re-draws diverged chains from the reference distribution.

    Args:
        z: ``(B, D)`` latents after the chain.
        value: ``(B,)`` log-posterior or energy.
        seed: of the noise; of its own, so that the random state that everything else draws from does not depend on trouble.

    Returns:
        The latents to keep ``(B, D)``; for each row the row to learn from in its place ``(B,)`` (itself, or a healthy one
        where it diverged; empty if none is healthy); and how many were re-drawn.
    """
    rows = torch.arange(len(z), device=z.device)
    bad = diverged(z, value)
    count = int(bad.sum())
    if not count:
        return z, rows, 0
    anew = torch.randn(z.shape, generator=torch.Generator(z.device).manual_seed(seed), device=z.device)
    healthy = (~bad).nonzero()[:, 0]
    if len(healthy):
        healthy = torch.where(bad, healthy[rows % len(healthy)], rows)
    return torch.where(bad[:, None], anew, z), healthy, count


def gradients_finite(parameters: list[torch.nn.Parameter]) -> bool:
    """Whether every gradient is a number; parameters without one do not count."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return bool(torch.nn.utils.get_total_norm(gradients).isfinite())


class Health:
    """Counts trouble, and knows when it persists."""

    def __init__(self) -> None:
        self.redrawn = 0
        """Chains re-drawn since the run began."""
        self.skipped = 0
        """Iterations in which an update was left out because it was not finite."""
        self.running = 0
        """Troubled iterations in a row, up to the last one."""

    @property
    def persistent(self) -> bool:
        """Whether learning is over unless something is changed."""
        return self.running >= PERSISTENT

    def note(self, redrawn: int, chains: int, updated: bool) -> None:
        """One iteration: ``redrawn`` of its ``chains``, and whether all its updates were made."""
        self.redrawn += redrawn
        self.skipped += not updated
        troubled = not updated or redrawn >= TROUBLED_SHARE * chains
        self.running = self.running + 1 if troubled else 0
