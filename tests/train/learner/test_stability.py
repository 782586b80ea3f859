"""What counts as trouble, and what is done about it."""

import pytest
import torch

from drc_train.config import Config
from drc_train.learner.em import Learner
from drc_train.learner.stability import Health, diverged, mend
from drc_train.training import monitors
from drc_train.training.monitors import EnergyGap, Score


def test_what_is_not_a_number_or_far_out_has_diverged() -> None:
    z, value = torch.zeros(5, 3), torch.zeros(5)
    z[1, 2], z[2], value[3] = float("nan"), 1e4, float("-inf")
    assert diverged(z, value).tolist() == [False, True, True, True, False]


def test_mending_draws_anew_and_learns_from_healthy_rows() -> None:
    z, value = torch.ones(4, 3), torch.zeros(4)
    assert mend(z, value, 0)[0] is z, "healthy chains are not touched"
    z[1] = float("nan")
    kept, rows, count = mend(z, value, 7)
    assert count == 1 and rows.tolist()[0] == 0 and 1 not in rows.tolist()
    assert kept[1].isfinite().all() and torch.equal(kept[[0, 2, 3]], z[[0, 2, 3]])
    assert torch.equal(kept, mend(z, value, 7)[0]) and not torch.equal(kept, mend(z, value, 8)[0])
    kept, rows, count = mend(z, torch.full((4,), float("nan")), 7)
    assert count == 4 and not len(rows) and kept.isfinite().all()


def test_an_update_that_is_not_finite_is_left_out(tiny_config: Config, tiny_images: torch.Tensor) -> None:
    learner = Learner(tiny_config, tiny_images, torch.device("cpu"), compiled=False)
    learner.model.foreground.head.weight.register_hook(lambda gradient: gradient * float("inf"))
    before = {name: tensor.clone() for name, tensor in learner.model.named_parameters()}
    learner.step()
    assert learner.health.skipped == learner.health.running == 1
    for name, tensor in learner.model.named_parameters():
        assert torch.equal(tensor, before[name]) or "energy" in name


def test_trouble_persists_when_it_does_not_let_up() -> None:
    state = Health()
    for _ in range(30):
        state.note(1, 64, True)
    assert not state.persistent and state.redrawn == 30, "a chain now and then is mended and that is all"
    for _ in range(9):
        state.note(0, 64, False)
    assert not state.persistent
    state.note(64, 64, False)
    assert state.persistent
    state.note(0, 64, True)
    assert not state.persistent


def test_energies_that_drift_apart_are_told_once_until_they_have_grown_again() -> None:
    gap = EnergyGap(10)

    def look_at(prior: float) -> str | None:
        for _ in range(1000):
            gap.note({"energy_prior": prior, "energy_posterior": 0.0})
        return gap.look()

    assert look_at(4) is None
    assert "lower train.energy_rate" in (look_at(-20) or "")
    assert look_at(-21) is None
    assert look_at(-60) is not None


def test_the_score_is_the_mean_of_the_recent_past_and_does_not_see_the_energy() -> None:
    score = Score()
    assert score.value is None
    score.note({"redrawn": 8.0})
    assert score.value is None, "an iteration from which nothing was learned says nothing"
    score.note({"log_posterior": -105.0, "energy_posterior": 5.0})
    assert score.value == pytest.approx(-100)
    for _ in range(2000):
        score.note({"log_posterior": 40.0, "energy_posterior": 10.0})
    assert score.value == pytest.approx(50)
    again = Score(*score.state)
    assert again.value == score.value
    assert 0 < monitors.SMOOTHING < 1
