"""A learner's state: continued exactly, and checked before anything is loaded."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from drc_runtime.errors import TrainingError
from drc_train.config import Config, load_config
from drc_train.learner.em import Learner
from drc_train.learner.state import LearnerState

CPU = torch.device("cpu")


def learner(config: Config, images: torch.Tensor) -> Learner:
    return Learner(config, images, CPU, compiled=False)


def copied(state: LearnerState) -> LearnerState:
    """Unaffected by the learner's next steps, as a file is."""
    return replace(state, tensors={name: tensor.clone() for name, tensor in state.tensors.items()})


def same(first: LearnerState, second: LearnerState) -> bool:
    if first.tensors.keys() != second.tensors.keys():
        return False
    equal = all(torch.equal(tensor, second.tensors[name]) for name, tensor in first.tensors.items())
    return equal and (first.iteration, first.position) == (second.iteration, second.position)


@pytest.mark.parametrize("settings", [(), ("train.averaging=0.75", "train.mirror=true", "train.redraw=0.3")], ids=str)
def test_a_loaded_state_continues_bit_for_bit(
    settings: tuple[str, ...], tiny_overrides: list[str], tiny_images: torch.Tensor
) -> None:
    config = load_config("edge-32", [*tiny_overrides, *settings])
    whole = learner(config, tiny_images)
    for _ in range(3):
        whole.step()
    state = copied(whole.state_dict())
    second = learner(config, tiny_images)
    assert second.load_state_dict(state) == []
    assert same(second.state_dict(), state)
    for _ in range(4):
        assert second.step() == whole.step()
    assert same(second.state_dict(), whole.state_dict())


def wrong(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[LearnerState], LearnerState]:
    return lambda state: replace(state, tensors=state.tensors | {name: change(state.tensors[name])})


def without(name: str) -> Callable[[LearnerState], LearnerState]:
    return lambda state: replace(state, tensors={key: it for key, it in state.tensors.items() if key != name})


def renamed(name: str, other: str) -> Callable[[LearnerState], LearnerState]:
    return lambda state: replace(without(name)(state), tensors=without(name)(state).tensors | {other: state.one(name)})


WEIGHT = "model.foreground.project.weight"
MOMENT = "generator_optimiser.0.exp_avg"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (wrong(WEIGHT, lambda it: it[:1]), "the weights do not fit .*foreground.project.weight is float32 .1, 5."),
        (wrong(WEIGHT, torch.Tensor.double), "project.weight is float64 .*expected float32"),
        (without(WEIGHT), "the weights do not fit .*foreground.project.weight is missing"),
        (renamed(WEIGHT, "model.foreground.other"), "foreground.project.weight is missing"),
        (wrong(MOMENT, lambda it: it[:1]), "the optimiser's moments do not fit .*: 0.exp_avg is float32 .1, 5."),
        (wrong(MOMENT, torch.Tensor.half), "0.exp_avg is float16"),
        (without(MOMENT), "0.exp_avg is missing"),
        (wrong("generator_optimiser.0.step", lambda it: it[None]), "0.step is float32 .1,.*expected float32 ()"),
        (renamed(MOMENT, "generator_optimiser.999.exp_avg"), "exp_avg is missing|not part of them"),
        (renamed(MOMENT, "generator_optimiser.first.exp_avg"), "exp_avg is missing|not part of them"),
        (wrong("energy_optimiser.1.exp_avg_sq", lambda it: it[:1]), "1.exp_avg_sq is float32"),
        (without("chains.prior"), "damaged: chains.prior is missing"),
        (wrong("chains.prior", lambda it: it[:3]), "the chains do not fit"),
        (wrong("random", lambda it: it[:8]), "the random states do not fit"),
        (without("noise"), "damaged: noise is missing"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    damage: Callable[[LearnerState], LearnerState], message: str, tiny_config: Config, tiny_images: torch.Tensor
) -> None:
    first = learner(tiny_config, tiny_images)
    first.step()
    state = damage(copied(first.state_dict()))
    second = learner(tiny_config, tiny_images)
    before = copied(second.state_dict())
    with pytest.raises(TrainingError, match=message) as caught:
        second.load_state_dict(state)
    assert "\n" not in str(caught.value)
    assert same(second.state_dict(), before)


def test_the_moving_average_may_be_switched_on_or_off_later(
    tiny_overrides: list[str], tiny_config: Config, tiny_images: torch.Tensor
) -> None:
    averaging = load_config("edge-32", [*tiny_overrides, "train.averaging=0.75"])
    plain = learner(tiny_config, tiny_images)
    plain.step()
    with_average = learner(averaging, tiny_images)
    with_average.load_state_dict(copied(plain.state_dict()))
    assert with_average.average is not None
    average = dict(with_average.average.module.named_parameters())
    for name, parameter in plain.model.named_parameters():
        assert torch.equal(average[name], parameter), "it starts at the present weights"
    with_average.step()
    again = learner(tiny_config, tiny_images)
    again.load_state_dict(copied(with_average.state_dict()))
    assert again.average is None
    assert torch.equal(again.model.foreground.head.weight, with_average.model.foreground.head.weight)


def test_the_noise_of_another_kind_of_device_is_replaced_and_reported(
    tiny_config: Config, tiny_images: torch.Tensor
) -> None:
    first = learner(tiny_config, tiny_images)
    first.step()
    state = wrong("noise", lambda it: it[:16])(copied(first.state_dict()))  # as long as a GPU's
    second = learner(tiny_config, tiny_images)
    (remark,) = second.load_state_dict(state)
    assert "another kind of device than cpu" in remark
    assert second.step()["reinitialised"] == 0


def test_added_images_are_reported(tiny_config: Config, tiny_images: torch.Tensor) -> None:
    few = learner(tiny_config, tiny_images[:8])
    few.chains.posterior += 1  # differs from what the same seed draws in a new learner
    grown = learner(tiny_config, tiny_images)
    (remark,) = grown.load_state_dict(copied(few.state_dict()))
    assert "a new round over the images begins" in remark
    assert torch.equal(grown.chains.posterior[:8], few.chains.posterior)
