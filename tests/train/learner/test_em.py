"""The learner, its chains and its checkpoints."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from drc_runtime.errors import TrainingError
from drc_runtime.preprocess import to_tensor
from drc_train.config import Config, TrainConfig, load_config
from drc_train.learner.chains import Chains
from drc_train.learner.distributed import Processes
from drc_train.learner.em import Learner, median, to_network
from drc_train.model.regions import RegionModel
from drc_train.sampling.langevin import posterior_step
from drc_train.sampling.sampler import Sampler
from drc_train.training.checkpoint import STATE_FILE, load_model, restore, save_checkpoint

CPU = torch.device("cpu")
ABOUT = {"source": "test", "preset": "edge-32", "images": 10, "seconds": 1.0}


def learner(config: Config, images: torch.Tensor) -> Learner:
    return Learner(config, images, CPU, compiled=False)


def test_an_iteration_moves_every_network_and_only_the_batch_s_chains(
    tiny_config: Config, tiny_images: torch.Tensor
) -> None:
    learning = learner(tiny_config, tiny_images)
    before = {name: tensor.clone() for name, tensor in learning.model.named_parameters()}
    chains = learning.chains.posterior.clone()
    figures = learning.step()
    still = [name for name, tensor in learning.model.named_parameters() if torch.equal(tensor, before[name])]
    # an energy's own constant cancels between the two expectations of Eq. 3
    assert still == ["reassignment_energy.last.bias"]
    assert {"likelihood", "foreground_share", "energy_posterior", "energy_prior", "log_posterior"} <= figures.keys()
    moved = (learning.chains.posterior != chains).any(1)
    assert int(moved.sum()) == 4


def test_the_compiled_chain_is_the_plain_chain(tiny_config: Config) -> None:
    model = RegionModel(tiny_config.model, torch.Generator().manual_seed(0))
    random = torch.Generator().manual_seed(1)
    z = torch.randn(4, tiny_config.model.latent.total, generator=random)
    image = torch.rand(4, 3, 8, 8, generator=random) * 2 - 1
    sampler = Sampler(model, tiny_config, 4, CPU, compiled=False)
    drawn = torch.Generator().manual_seed(2)
    found, value = sampler.posterior(z, image, (torch.randn(z.shape, generator=drawn) for _ in range(3)))
    noise = torch.Generator().manual_seed(2)
    expected, last = z, None
    for _ in range(3):
        expected, last, _ = posterior_step(
            model, expected, image, torch.randn(z.shape, generator=noise), tiny_config.train
        )
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(value, last)


def test_every_image_comes_once_before_any_comes_twice() -> None:
    random = torch.Generator().manual_seed(0)
    chains = Chains(12, 3, random, Processes(CPU))
    seen = torch.cat([chains.next_batch(4, 0.0, 0.0, random) for _ in range(3)])
    assert sorted(seen.tolist()) == list(range(12))


@pytest.mark.parametrize(("redraw", "changed"), [(0.0, 0), (1.0, 4)])
def test_redraw_starts_chains_anew(redraw: float, changed: int) -> None:
    random = torch.Generator().manual_seed(0)
    chains = Chains(12, 3, random, Processes(CPU))
    before = chains.posterior.clone()
    index = chains.next_batch(4, redraw, 0.0, random)
    assert int((chains.posterior != before).any(1).sum()) == changed
    if changed:
        assert (chains.posterior[index] != before[index]).all()


def test_following_starts_a_frame_where_the_previous_frames_chain_stands() -> None:
    random = torch.Generator().manual_seed(0)
    chains = Chains(12, 3, random, Processes(CPU))
    before = chains.posterior.clone()
    index = chains.next_batch(4, 0.0, 1.0, random)
    torch.testing.assert_close(chains.posterior[index], before[(index - 1).clamp(min=0)])


def test_resumed_learning_gives_the_same_numbers_bit_for_bit(
    tiny_config: Config, tiny_images: torch.Tensor, tmp_path: Path
) -> None:
    whole = learner(tiny_config, tiny_images)
    first = learner(tiny_config, tiny_images)
    for _ in range(3):
        whole.step()
        first.step()
    save_checkpoint(tmp_path, first, ABOUT)
    second = learner(tiny_config, tiny_images)
    assert restore(tmp_path, second) == ABOUT
    for _ in range(4):
        expected, found = whole.step(), second.step()
        assert found == expected
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, second.model.state_dict()[name]), name
    assert torch.equal(whole.chains.posterior, second.chains.posterior)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("no folder", "holds no checkpoint"),
        ("truncated json", "damaged"),
        ("other format", "not a checkpoint of this version"),
        ("missing key", "config missing"),
        ("truncated tensors", "missing or damaged"),
        ("tensors of another model", "do not fit"),
    ],
)
def test_a_damaged_checkpoint_is_one_line(
    damage: str, message: str, tiny_config: Config, tiny_images: torch.Tensor, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path, learner(tiny_config, tiny_images), ABOUT)
    state_file, tensors = tmp_path / STATE_FILE, next(tmp_path.glob("*.safetensors"))
    state = json.loads(state_file.read_text())
    if damage == "no folder":
        state_file.unlink()
    elif damage == "truncated json":
        state_file.write_text(state_file.read_text()[:-20])
    elif damage == "other format":
        state_file.write_text(json.dumps(state | {"format": "drc-checkpoint-0"}))
    elif damage == "missing key":
        state_file.write_text(json.dumps({key: value for key, value in state.items() if key != "config"}))
    elif damage == "truncated tensors":
        tensors.write_bytes(tensors.read_bytes()[:-100])
    else:
        state["config"]["model"]["latent"]["foreground"] += 1
        state_file.write_text(json.dumps(state))
    with pytest.raises(TrainingError, match=message) as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


def test_another_number_of_images_is_noticed(tiny_config: Config, tiny_images: torch.Tensor, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, learner(tiny_config, tiny_images), ABOUT)
    with pytest.raises(TrainingError, match="the data changed"):
        restore(tmp_path, learner(tiny_config, tiny_images[:8]))


def test_images_enter_the_network_as_the_runtime_has_them(tiny_images: torch.Tensor) -> None:
    expected = to_tensor(tiny_images[0].numpy().transpose(1, 2, 0), (8, 8))
    assert torch.equal(to_network(tiny_images[:1], CPU)[0], torch.from_numpy(expected))


def test_a_static_camera_starts_at_the_median_image_under_changing_light(
    tiny_overrides: list[str], tiny_images: torch.Tensor
) -> None:
    config = load_config("static-camera", tiny_overrides)
    learning = learner(config, tiny_images)
    z = torch.zeros(2, config.model.latent.total)
    z[1] = torch.randn(z.shape[1], generator=torch.Generator().manual_seed(0))
    shown = learning.model(z).background.detach()
    expected = to_network(median(tiny_images), CPU).clamp(-0.98, 0.98)
    torch.testing.assert_close(shown[0], expected, atol=1e-5, rtol=0)
    for lit, unlit in zip(shown[1].atanh(), expected.atanh(), strict=True):
        slope, offset = (float(value) for value in np.polyfit(unlit.flatten(), lit.flatten(), 1))
        assert slope != pytest.approx(1, abs=1e-4)
        torch.testing.assert_close(lit, slope * unlit + offset, atol=1e-4, rtol=0)


def test_a_mirrored_set_has_a_chain_for_each_image_both_ways(tiny_config: Config, tiny_images: torch.Tensor) -> None:
    mirrored = tiny_config.model_copy(update={"train": tiny_config.train.model_copy(update={"mirror": True})})
    learning = learner(mirrored, tiny_images)
    assert len(learning.chains.posterior) == 2 * len(tiny_images)
    seen = learning.images(torch.tensor([3, 13]))
    torch.testing.assert_close(seen[0], to_network(tiny_images[3], CPU))
    torch.testing.assert_close(seen[1], seen[0].flip(2))
    learning.step()


def test_images_added_to_a_mirrored_run_leave_the_others_their_chains(
    tiny_config: Config, tiny_images: torch.Tensor, tmp_path: Path
) -> None:
    both = tiny_config.model_copy(update={"train": tiny_config.train.model_copy(update={"mirror": True})})
    few, many = len(tiny_images) - 2, len(tiny_images)
    first = learner(both, tiny_images[:few])
    first.chains.posterior += 1  # what the same seed draws in a learner that restored nothing is not that
    save_checkpoint(tmp_path, first, ABOUT)
    own, mirrored = first.chains.posterior[:few], first.chains.posterior[few:]

    grown = learner(both, tiny_images)
    drawn = grown.chains.posterior.clone()
    restore(tmp_path, grown)
    torch.testing.assert_close(grown.chains.posterior[:few], own)
    torch.testing.assert_close(grown.chains.posterior[many : many + few], mirrored)
    for added in (slice(few, many), slice(many + few, None)):
        torch.testing.assert_close(grown.chains.posterior[added], drawn[added])

    plain = learner(tiny_config, tiny_images)
    restore(tmp_path, plain)
    torch.testing.assert_close(plain.chains.posterior[:few], own)


def test_the_m_step_sharpens_by_equal_factors(tiny_overrides: list[str]) -> None:
    annealed = ["train.m_step_sigma=0.8", "train.final_m_step_sigma=0.2", "train.annealing=10"]
    train = load_config("edge-32", [*tiny_overrides, *annealed]).train
    assert [train.m_step_sigma_at(at) for at in (0, 5, 10, 99)] == pytest.approx([0.8, 0.4, 0.2, 0.2])
    assert tiny_train(tiny_overrides).m_step_sigma_at(500) == tiny_train(tiny_overrides).m_step_sigma


def tiny_train(overrides: list[str]) -> TrainConfig:
    return load_config("edge-32", overrides).train


def test_the_moving_average_is_what_a_run_is_loaded_as(
    tiny_overrides: list[str], tiny_images: torch.Tensor, tmp_path: Path
) -> None:
    config = load_config("edge-32", [*tiny_overrides, "train.averaging=0.75"])
    learning = learner(config, tiny_images)
    weight = learning.model.foreground.head.weight
    learning.step()
    first = weight.detach().clone()
    learning.step()
    save_checkpoint(tmp_path, learning, ABOUT)
    loaded, _, _ = load_model(tmp_path)
    torch.testing.assert_close(loaded.foreground.head.weight.detach(), 0.75 * first + 0.25 * weight.detach())
    resumed = learner(config, tiny_images)
    restore(tmp_path, resumed)
    assert torch.equal(resumed.model.foreground.head.weight, weight)
    learning.step()
    resumed.step()
    assert resumed.average is not None and learning.average is not None
    for name, tensor in learning.average.state_dict().items():
        assert torch.equal(tensor, resumed.average.state_dict()[name]), name


def test_slots_learn_as_one_region_does(tiny_overrides: list[str], tiny_images: torch.Tensor) -> None:
    config = load_config("edge-32", [*tiny_overrides, "model.latent.foreground_slots=3"])
    learning = learner(config, tiny_images)
    assert learning.chains.posterior.shape[1] == config.model.latent.total == 3 * 5 + 8 + 32
    figures = learning.step()
    assert all(np.isfinite(value) for value in figures.values())
