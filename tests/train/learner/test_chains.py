"""The persistent chains, their order, and their mirror images."""

from dataclasses import replace

import pytest
import torch

from drc_runtime.errors import TrainingError
from drc_train.learner.chains import Chains
from drc_train.learner.distributed import ProcessGroup

CPU = torch.device("cpu")


def chains_of(images: int, seed: int = 0, sides: int = 1, shards: int = 1) -> tuple[Chains, torch.Generator]:
    random = torch.Generator().manual_seed(seed)
    return Chains(images, 3, random, ProcessGroup(CPU, shards=shards), sides), random


def test_every_chain_comes_once_before_any_comes_twice() -> None:
    chains, random = chains_of(6, sides=2)
    for _ in range(2):
        seen = torch.cat([chains.next_batch(4, 0.0, 0.0, random) for _ in range(3)])
        assert sorted(seen.tolist()) == list(range(12))


def test_blocks_take_turns_and_every_image_comes_once_in_a_round() -> None:
    chains, random = chains_of(12, shards=3)
    seen = []
    for _ in range(2):
        announced = chains.peek(6)
        index = chains.next_batch(6, 0.0, 0.0, random)
        assert announced is not None and torch.equal(index, announced)
        assert [int((index // 4 == block).sum()) for block in range(3)] == [2, 2, 2]
        seen.append(index)
    assert sorted(torch.cat(seen).tolist()) == list(range(12))
    assert chains.peek(6) is None, "the next round has no order yet"


@pytest.mark.parametrize(("redraw", "changed"), [(0.0, 0), (1.0, 4)])
def test_redraw_restarts_posterior_chains_from_noise(redraw: float, changed: int) -> None:
    chains, random = chains_of(12)
    before, prior = chains.posterior.clone(), chains.prior.clone()
    index = chains.next_batch(4, redraw, 0.0, random)
    assert int((chains.posterior != before).any(1).sum()) == changed
    if changed:
        assert (chains.posterior[index] != before[index]).all()
    assert torch.equal(chains.prior, prior)


def test_follow_continues_from_the_previous_image_s_chain() -> None:
    chains, random = chains_of(12)
    before = chains.posterior.clone()
    index = chains.next_batch(4, 0.0, 1.0, random)
    torch.testing.assert_close(chains.posterior[index], before[(index - 1).clamp(min=0)])


@pytest.mark.parametrize("shards", [1, 2])
def test_a_first_image_follows_none_on_either_side(shards: int) -> None:
    """Chains are visited one at a time, so that none has moved before another follows it."""
    for batch in range(10 // shards):
        chains, random = chains_of(5, sides=2, shards=shards)
        chains.position = batch
        before = chains.posterior.clone()
        index = chains.next_batch(shards, 0.0, 1.0, random)
        expected = torch.tensor([each if each % 5 == 0 else each - 1 for each in index.tolist()])
        assert torch.equal(chains.posterior[index], before[expected])


def test_the_second_side_belongs_to_the_mirror_images() -> None:
    chains, _ = chains_of(5, sides=2)
    assert (chains.count, len(chains)) == (10, 10)
    which, mirrored = chains.images_of(torch.tensor([3, 8, 5]))
    assert which.tolist() == [3, 3, 0] and mirrored.tolist() == [False, True, True]
    assert chains.spread_images(3).tolist() == [0, 2, 4]
    assert chains.spread_images(99).tolist() == [0, 1, 2, 3, 4], "not those of mirror images"


def test_a_state_continues_the_round_where_it_was() -> None:
    chains, random = chains_of(6)
    chains.next_batch(4, 0.0, 0.0, random)
    other, _ = chains_of(6, seed=1)
    other.check(chains.state())
    assert other.load(chains.state())
    assert torch.equal(other.posterior, chains.posterior) and torch.equal(other.prior, chains.prior)
    following = other.peek(2)
    assert following is not None and torch.equal(following, chains.order[0, 4:])


@pytest.mark.parametrize(("before", "now"), [(1, 1), (1, 2), (2, 1), (2, 2)], ids=str)
def test_added_images_leave_the_others_their_chains_on_each_side(before: int, now: int) -> None:
    few, many = 4, 6
    old, _ = chains_of(few, sides=before)
    new, _ = chains_of(many, seed=1, sides=now)
    noise = new.posterior.clone()
    assert not new.load(old.state()), "a new round begins"
    for side in range(now):
        kept, added = slice(side * many, side * many + few), slice(side * many + few, (side + 1) * many)
        if side < before:
            assert torch.equal(new.posterior[kept], old.posterior[side * few : (side + 1) * few])
        else:
            assert torch.equal(new.posterior[kept], noise[kept])
        assert torch.equal(new.posterior[added], noise[added])
    assert sorted(new.order.flatten().tolist()) == list(range(now * many))


def test_two_sides_of_half_as_many_images_are_another_order() -> None:
    old, _ = chains_of(3, sides=2)
    new, _ = chains_of(6, seed=1)
    order = new.order.clone()
    assert not new.load(old.state()) and torch.equal(new.order, order)


def test_states_that_do_not_fit_are_refused() -> None:
    chains, _ = chains_of(6)
    state = chains.state()
    with pytest.raises(TrainingError, match="chains for 6 images, but the source has 4: the data changed"):
        chains_of(4)[0].check(state)
    with pytest.raises(TrainingError, match="posterior is .6, 2., expected 3 numbers for each image"):
        chains.check(replace(state, posterior=state.posterior[:, :2]))
    for order in (state.order[0], state.order.float(), state.order + 1):
        with pytest.raises(TrainingError, match="the order of the images is not one of its chains"):
            chains.check(replace(state, order=order))
