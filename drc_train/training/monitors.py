"""Smoothed figures that a run watches: the energies' gap and the score by which the best model is kept."""

SMOOTHING = 0.99
"""Weight of the past in running means: they look back about a hundred iterations."""


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

    It is the log-posterior of the training images without the energies, that is the log-likelihood of Eq. 6 minus the
    total variation and |z|^2 / 2, per image, as a running mean. The energies are left out because only their differences
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
