"""One EM iteration, and what it starts from."""

from math import exp

import numpy as np
import pytest
import torch

from drc_runtime.inference.empty_scene import empty_scene
from drc_runtime.preprocess import to_tensor
from drc_train.config import Config, load_config
from drc_train.learner.em import Learner, to_network

CPU = torch.device("cpu")


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
    assert learning.iteration == 1


def test_the_seed_decides_every_number(tiny_overrides: list[str], tiny_images: torch.Tensor) -> None:
    first, same, other = (
        learner(load_config("edge-32", [*tiny_overrides, f"train.seed={seed}"]), tiny_images).step()
        for seed in (0, 0, 1)
    )
    assert first == same
    assert all(first[name] != other[name] for name in ("likelihood", "energy_prior", "log_posterior"))


def test_the_centre_s_offset_decays_beside_what_is_learned_of_it(
    tiny_overrides: list[str], tiny_images: torch.Tensor
) -> None:
    settings = [*tiny_overrides, "model.foreground_centre=4"]
    kept = learner(load_config("edge-32", settings), tiny_images)
    fading = learner(load_config("edge-32", [*settings, "train.centre_decay=10"]), tiny_images)
    kept.step()
    fading.step()
    torch.testing.assert_close(fading.model.foreground_place, kept.model.foreground_place * exp(-0.1))


def test_if_all_chains_diverge_nothing_is_learned(tiny_config: Config, tiny_images: torch.Tensor) -> None:
    learning = learner(tiny_config, tiny_images)
    learning.chains.prior.fill_(float("nan"))
    before = {name: tensor.clone() for name, tensor in learning.model.named_parameters()}
    assert learning.step() == {"reinitialised": 4.0}
    assert all(torch.equal(tensor, before[name]) for name, tensor in learning.model.named_parameters())
    assert int(learning.chains.prior.isfinite().all(1).sum()) == 4, "the batch's chains restarted"
    assert (learning.stability.reinitialised, learning.stability.skipped) == (4, 1)


def test_images_enter_the_network_as_the_runtime_has_them(tiny_images: torch.Tensor) -> None:
    expected = to_tensor(tiny_images[0].numpy().transpose(1, 2, 0), (8, 8))
    assert torch.equal(to_network(tiny_images[:1], CPU)[0], torch.from_numpy(expected))


def test_a_static_camera_starts_at_the_empty_scene_under_changing_light(
    tiny_overrides: list[str], tiny_images: torch.Tensor
) -> None:
    config = load_config("static-camera", tiny_overrides)
    learning = learner(config, tiny_images)
    z = torch.zeros(2, config.model.latent.total)
    z[1] = torch.randn(z.shape[1], generator=torch.Generator().manual_seed(0))
    shown = learning.model(z).background.detach()
    scene = torch.from_numpy(empty_scene(tiny_images.permute(0, 2, 3, 1).numpy()).image).permute(2, 0, 1)
    expected = to_network(scene, CPU).clamp(-0.98, 0.98)
    torch.testing.assert_close(shown[0], expected, atol=1e-5, rtol=0)
    for lit, unlit in zip(shown[1].atanh(), expected.atanh(), strict=True):
        slope, offset = (float(value) for value in np.polyfit(unlit.flatten(), lit.flatten(), 1))
        assert slope != pytest.approx(1, abs=1e-4)
        torch.testing.assert_close(lit, slope * unlit + offset, atol=1e-4, rtol=0)


def test_a_thing_that_stands_for_long_is_said(tiny_overrides: list[str]) -> None:
    config = load_config("static-camera", [*tiny_overrides, "model.image_size=16", "model.channels=[8,8]"])
    config = config.model_copy(update={"model": config.model.model_copy(update={"background_channels": (8, 8)})})
    images = torch.full((40, 3, 16, 16), 100, dtype=torch.uint8)
    assert learner(config, images).notes == []
    images[:25, :, 5:11, 5:11] = 220
    learning = learner(config, images)
    assert len(learning.notes) == 1 and learning.notes[0].startswith("a thing stands in 25.0% of the picture")
    assert float(learning.model(torch.zeros(1, config.model.latent.total)).background.detach().max()) < 0
    learning.load_state_dict(learner(config, images).state_dict())
    assert learning.notes == [], "a run that continues has no start"
    images[10:25, :, 5:11, 5:11] = 100
    assert "two lasting states" in learner(config, images).notes[0]


def test_a_mirrored_set_has_a_chain_for_each_image_both_ways(tiny_config: Config, tiny_images: torch.Tensor) -> None:
    mirrored = tiny_config.model_copy(update={"train": tiny_config.train.model_copy(update={"mirror": True})})
    learning = learner(mirrored, tiny_images)
    assert len(learning.chains.posterior) == 2 * len(tiny_images)
    seen = learning.images(torch.tensor([3, 13]))
    torch.testing.assert_close(seen[0], to_network(tiny_images[3], CPU))
    torch.testing.assert_close(seen[1], seen[0].flip(2))
    learning.step()


def test_slots_learn_as_one_region_does(tiny_overrides: list[str], tiny_images: torch.Tensor) -> None:
    config = load_config("edge-32", [*tiny_overrides, "model.latent.foreground_slots=3"])
    learning = learner(config, tiny_images)
    assert learning.chains.posterior.shape[1] == config.model.latent.total == 3 * 5 + 8 + 32
    figures = learning.step()
    assert all(np.isfinite(value) for value in figures.values())


def test_labels_are_those_before_the_energies_move(
    tiny_config: Config, tiny_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listing 3 takes the logits of y before it updates the energies."""
    order: list[str] = []
    learning = learner(tiny_config, tiny_images)
    energies, gradient = learning._move_energies, learning.generator_gradient
    monkeypatch.setattr(learning, "_move_energies", lambda *given: (order.append("energies"), energies(*given))[1])
    monkeypatch.setattr(
        learning, "generator_gradient", lambda *given: (order.append("generators"), gradient(*given))[1]
    )
    learning.step()
    assert order == ["generators", "energies"]
