"""Detects diverged chains and updates that are not finite, and keeps them out of what is learned."""

import torch
from torch import Tensor

MAX_RMS = 50.0
"""A chain has diverged when the root mean square of its latent reaches this; under the reference distribution N(0, I) it is 1."""
MAX_CONSECUTIVE = 10
"""Aborts after this many consecutive unstable iterations."""
UNSTABLE_SHARE = 0.25
"""An iteration is unstable when at least this share of its chains diverged, or when an update was skipped."""


def diverged(z: Tensor, value: Tensor) -> Tensor:
    """Which chains have diverged.

    Args:
        z: ``(B, D)`` latents.
        value: ``(B,)`` log-posteriors or energies.

    Returns:
        ``(B,)`` bool: a latent or value is not finite, or the latent is too large.
    """
    return ~(z.isfinite().all(1) & value.isfinite() & (z.square().mean(1) < MAX_RMS**2))


def reinitialise_diverged(z: Tensor, value: Tensor, seed: int) -> tuple[Tensor, Tensor, int]:
    """Re-initialises diverged chains from the reference distribution N(0, I).

    Args:
        z: ``(B, D)`` latents after the chain.
        value: ``(B,)`` log-posterior or energy.
        seed: of the new latents. They have a generator of their own, so that a diverged chain does not change the random
            numbers of the others.

    Returns:
        The latents to keep, ``(B, D)``; for each row the row to learn from, ``(B,)``: itself, or a healthy one where it
        diverged (empty if all diverged); and the number of diverged chains.
    """
    rows = torch.arange(len(z), device=z.device)
    bad = diverged(z, value)
    count = int(bad.sum())
    if not count:
        return z, rows, 0
    noise = torch.randn(z.shape, generator=torch.Generator(z.device).manual_seed(seed), device=z.device)
    healthy = (~bad).nonzero()[:, 0]
    if len(healthy):
        healthy = torch.where(bad, healthy[rows % len(healthy)], rows)
    return torch.where(bad[:, None], noise, z), healthy, count


def gradients_finite(parameters: list[torch.nn.Parameter]) -> bool:
    """Whether all gradients are finite; parameters without a gradient do not count."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return bool(torch.nn.utils.get_total_norm(gradients).isfinite())


class StabilityMonitor:
    """Counts diverged chains and skipped updates, and says when they persist."""

    def __init__(self) -> None:
        self.reinitialised = 0
        """Chains that diverged and were re-initialised in this call."""
        self.skipped = 0
        """Iterations in which an update was skipped because its gradient was not finite."""
        self.consecutive = 0
        """Unstable iterations in a row, up to the last one."""

    @property
    def persistent(self) -> bool:
        """Whether training must stop, because waiting does not help."""
        return self.consecutive >= MAX_CONSECUTIVE

    def record(self, reinitialised: int, chains: int, updated: bool) -> None:
        """Counts one iteration.

        Args:
            reinitialised: diverged chains, of posterior and prior together.
            chains: chains that moved in it.
            updated: whether all its updates were made.
        """
        self.reinitialised += reinitialised
        self.skipped += not updated
        unstable = not updated or reinitialised >= UNSTABLE_SHARE * chains
        self.consecutive = self.consecutive + 1 if unstable else 0
