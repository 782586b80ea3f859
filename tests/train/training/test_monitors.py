"""The running means that a run watches."""

import pytest

from drc_train.training.monitors import EnergyGap, Score


def test_energies_that_drift_apart_are_reported_again_only_after_they_have_grown() -> None:
    gap = EnergyGap(10)

    def gap_of(prior: float) -> str | None:
        for _ in range(1000):
            gap.note({"energy_prior": prior, "energy_posterior": 0.0})
        return gap.check()

    assert gap_of(4) is None
    assert "lower train.energy_rate" in (gap_of(-20) or "")
    assert gap_of(-21) is None
    assert gap_of(-60) is not None


def test_the_score_is_a_running_mean_without_the_energy() -> None:
    score = Score()
    assert score.value is None
    score.note({"reinitialised": 8.0})
    assert score.value is None, "an iteration in which all chains diverged has no score"
    score.note({"log_posterior": -105.0, "energy_posterior": 5.0})
    assert score.value == pytest.approx(-100)
    for _ in range(2000):
        score.note({"log_posterior": 40.0, "energy_posterior": 10.0})
    assert score.value == pytest.approx(50)
    again = Score(*score.state)
    assert again.value == score.value


def test_with_amortised_inference_the_score_is_the_likelihood() -> None:
    score = Score()
    score.note({"likelihood": 0.5})
    assert score.value == pytest.approx(-0.5)
