"""Running means of a run's figures: the energy gap, and the score by which the best checkpoint is chosen."""

from collections.abc import Mapping

SMOOTHING = 0.99
"""Weight of the past in the running means, which look back about a hundred iterations."""


class EnergyGap:
    """Detects energies that drift apart.

    Eq. 3 raises the mean energy of prior samples over that of posterior samples. Both chains have to follow the energy that they
    sample from. If they cannot, the gap grows without bound and the prior loses its meaning. The gap counts as unbounded if it
    exceeds the mean of the reference distribution's own energy |z|^2 / 2, which is D / 2, and has grown by half since the last
    check.
    """

    def __init__(self, dimensions: int) -> None:
        """``dimensions``: D, the length of z."""
        self._limit, self._gap, self._before = dimensions / 2, 0.0, 0.0

    def note(self, figures: Mapping[str, float]) -> None:
        """Adds the figures of one iteration, see ``Learner.step``."""
        if "energy_prior" in figures:
            gap = figures["energy_prior"] - figures["energy_posterior"]
            self._gap = SMOOTHING * self._gap + (1 - SMOOTHING) * abs(gap)

    def check(self) -> str | None:
        """What is wrong and which settings to change; None if nothing is."""
        grown = self._gap > 1.5 * self._before
        self._before = max(self._gap, self._before)
        if self._gap > self._limit and grown:
            return (
                f"the energies of prior and posterior samples drift apart (gap {self._gap:.0f}, still growing); "
                "lower train.energy_rate or raise train.prior_steps"
            )
        return None


class Score:
    """How well a run explains its images at the moment, without labels. It decides which checkpoint is the best.

    The score is a running mean, per image, of the log-posterior without the energies: the log-likelihood of Eq. 6 minus the total
    variation and |z|^2 / 2. The energies are left out because only their differences have a meaning, and they drift during
    training. Amortised inference has no log-posterior; there the score is the negative likelihood term of the loss.
    """

    def __init__(self, mean: float = 0.0, weight: float = 0.0) -> None:
        """``mean`` and ``weight`` continue an earlier run's, see ``state``."""
        self._mean, self._weight = mean, weight

    @property
    def state(self) -> tuple[float, float]:
        """The arguments of ``__init__`` that continue from here."""
        return self._mean, self._weight

    @property
    def value(self) -> float | None:
        """The running mean; None before the first iteration."""
        return self._mean / self._weight if self._weight else None

    def note(self, figures: Mapping[str, float]) -> None:
        """Adds the figures of one iteration, see ``Learner.step``."""
        if "log_posterior" in figures:
            value = figures["log_posterior"] + figures["energy_posterior"]
        elif "likelihood" in figures:
            value = -figures["likelihood"]
        else:
            return
        self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * value
        self._weight = SMOOTHING * self._weight + (1 - SMOOTHING)
