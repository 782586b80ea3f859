"""Keeps trouble out of what is learned: chains that diverged, updates that are not finite, energies that drift apart."""

import torch
from torch import Tensor

LARGEST = 50.0
"""Root mean square of a latent beyond which its chain has exploded; under the reference distribution N(0, I) it is 1."""
PERSISTENT = 10
"""So many troubled iterations in a row are no accident."""
TROUBLED_SHARE = 0.25
"""An iteration is troubled when this share of its chains had to be re-drawn, or when an update was left out."""
SMOOTHING = 0.99
"""Weight of the past in running means: they look back about a hundred iterations."""


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


class EnergyGap:
    """Watches the mean energy of prior samples over that of posterior samples, which Eq. 3 pushes apart.

    The two chains have to keep up with the energy that they are drawn from. Where they cannot, the gap grows without bound
    and the prior stops meaning anything. It is called unbounded when it is larger than what the reference distribution's own
    energy |z|^2 / 2 comes to, D / 2 on average, and has grown by half since the last look.
    """

    def __init__(self, dimensions: int) -> None:
        self._limit, self._gap, self._before = dimensions / 2, 0.0, 0.0

    def note(self, figures: dict[str, float]) -> None:
        """The figures of an iteration, as ``Learner.step`` gives them."""
        if "energy_prior" in figures:
            gap = figures["energy_prior"] - figures["energy_posterior"]
            self._gap = SMOOTHING * self._gap + (1 - SMOOTHING) * abs(gap)

    def look(self) -> str | None:
        """What is wrong, and what to try; None if nothing is."""
        grown = self._gap > 1.5 * self._before
        self._before = max(self._gap, self._before)
        if self._gap > self._limit and grown:
            return (
                f"the energies of prior and posterior samples drift apart (gap {self._gap:.0f}, still growing); "
                "lower train.energy_rate or raise train.prior_steps"
            )
        return None


class Score:
    """How good a run is at the moment, without labels: it decides which checkpoint is kept as the best.

    It is the log-posterior of the training pictures without the energies, that is the log-likelihood of Eq. 6 minus the
    total variation and |z|^2 / 2, per picture, as a running mean. The energies are left out because only their differences
    mean anything, and they drift while they are learned. With amortised inference, which has no log-posterior, it is the
    likelihood's part of the loss.
    """

    def __init__(self, mean: float = 0.0, weight: float = 0.0) -> None:
        """``mean`` and ``weight`` continue an earlier run's, see ``state``."""
        self._mean, self._weight = mean, weight

    @property
    def state(self) -> tuple[float, float]:
        """What ``__init__`` takes."""
        return self._mean, self._weight

    @property
    def value(self) -> float | None:
        """The running mean; None before the first iteration."""
        return self._mean / self._weight if self._weight else None

    def note(self, figures: dict[str, float]) -> None:
        """The figures of an iteration, as ``Learner.step`` gives them."""
        if "log_posterior" in figures:
            value = figures["log_posterior"] + figures["energy_posterior"]
        elif "likelihood" in figures:
            value = -figures["likelihood"]
        else:
            return
        self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * value
        self._weight = SMOOTHING * self._weight + (1 - SMOOTHING)
