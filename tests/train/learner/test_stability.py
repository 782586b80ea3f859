"""Diverged chains and updates that are not finite."""

import torch

from drc_train.config import Config
from drc_train.learner.em import Learner
from drc_train.learner.stability import MAX_CONSECUTIVE, StabilityMonitor, diverged, reinitialise_diverged


def test_a_chain_that_is_not_finite_or_far_out_has_diverged() -> None:
    z, value = torch.zeros(5, 3), torch.zeros(5)
    z[1, 2], z[2], value[3] = float("nan"), 1e4, float("-inf")
    assert diverged(z, value).tolist() == [False, True, True, True, False]


def test_diverged_chains_restart_and_healthy_rows_take_their_place() -> None:
    z, value = torch.ones(4, 3), torch.zeros(4)
    assert reinitialise_diverged(z, value, 0)[0] is z, "healthy chains are not touched"
    z[1] = float("nan")
    kept, rows, count = reinitialise_diverged(z, value, 7)
    assert count == 1 and rows.tolist()[0] == 0 and 1 not in rows.tolist()
    assert kept[1].isfinite().all() and torch.equal(kept[[0, 2, 3]], z[[0, 2, 3]])
    assert torch.equal(kept, reinitialise_diverged(z, value, 7)[0]) and not torch.equal(
        kept, reinitialise_diverged(z, value, 8)[0]
    )
    kept, rows, count = reinitialise_diverged(z, torch.full((4,), float("nan")), 7)
    assert count == 4 and not len(rows) and kept.isfinite().all()


def test_an_update_that_is_not_finite_is_skipped(tiny_config: Config, tiny_images: torch.Tensor) -> None:
    learner = Learner(tiny_config, tiny_images, torch.device("cpu"), compiled=False)
    learner.model.foreground.head.weight.register_hook(lambda gradient: gradient * float("inf"))
    before = {name: tensor.clone() for name, tensor in learner.model.named_parameters()}
    learner.step()
    assert learner.stability.skipped == learner.stability.consecutive == 1
    for name, tensor in learner.model.named_parameters():
        assert torch.equal(tensor, before[name]) or name in learner.model.energy_parameters()


def test_only_consecutive_unstable_iterations_persist() -> None:
    monitor = StabilityMonitor()
    for _ in range(30):
        monitor.record(1, 64, True)
    assert not monitor.persistent and monitor.reinitialised == 30, "a chain now and then is no instability"
    for _ in range(MAX_CONSECUTIVE - 1):
        monitor.record(0, 64, False)
    assert not monitor.persistent
    monitor.record(16, 64, True)
    assert monitor.persistent, "a quarter of the chains is"
    monitor.record(15, 64, True)
    assert not monitor.persistent and monitor.skipped == MAX_CONSECUTIVE - 1
