"""Encoders in place of energy models and chains."""

from pathlib import Path

import pytest
import torch

from drc_runtime.errors import ConfigError
from drc_train.config import Config, load_config
from drc_train.evaluation.model_masks import load_extractor
from drc_train.learner.em import Learner
from drc_train.model.amortised import divergence, encoder_step, reparameterise, variational_loss
from drc_train.model.objective import mixture_log_likelihood
from drc_train.training.checkpoint import restore, save_checkpoint
from drc_train.training.record import RunRecord

ABOUT = RunRecord("test", "edge-32", 10)
AMORTISED = ("model.inference=amortised", "train.pseudo_label_weight=0")


@pytest.fixture
def config(tiny_overrides: list[str]) -> Config:
    return load_config("edge-32", [*tiny_overrides, *AMORTISED])


def learner(config: Config, images: torch.Tensor) -> Learner:
    return Learner(config, images, torch.device("cpu"), compiled=False)


def test_divergence_from_the_standard_normal() -> None:
    random = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 4, 6, generator=random).unbind()
    encoded = torch.distributions.Normal(mean, (log_variance / 2).exp())
    standard = torch.distributions.Normal(torch.zeros(6), torch.ones(6))
    expected = torch.distributions.kl_divergence(encoded, standard).sum(1)
    torch.testing.assert_close(divergence(mean, log_variance), expected)


def test_samples_have_the_mean_and_variance_that_the_encoder_says() -> None:
    mean, log_variance = torch.tensor([2.0, -1.0]), torch.tensor([0.0, 2.0])
    noise = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    samples = reparameterise(mean, log_variance, noise)
    torch.testing.assert_close(samples.mean(0), mean, atol=0.05, rtol=0)
    torch.testing.assert_close(samples.var(0), log_variance.exp(), atol=0.0, rtol=0.05)


def test_the_bound_has_the_sigma_of_the_model_and_not_of_the_m_step(
    tiny_overrides: list[str], tiny_images: torch.Tensor
) -> None:
    bare = ("train.total_variation_weight=0", "train.orthogonal_weight=0", "train.share_weight=0")
    config = load_config("edge-32", [*tiny_overrides, *AMORTISED, *bare])
    assert config.train.m_step_sigma != config.model.sigma
    learning = learner(config, tiny_images)
    model, image = learning.model, learning.images(torch.arange(4))
    noise = torch.randn(4, config.model.latent.total, generator=torch.Generator().manual_seed(0))
    loss, _, z = variational_loss(model, image, noise, config.train)
    evidence = mixture_log_likelihood(model(z), image, config.model.region_likelihood()).sum((1, 2, 3))
    bound = evidence - divergence(*model.encode(image))
    torch.testing.assert_close(loss * image[0].numel(), -bound.mean())


def test_an_iteration_moves_encoders_and_generators_and_needs_no_energies(
    config: Config, tiny_images: torch.Tensor
) -> None:
    learning = learner(config, tiny_images)
    assert learning.model.energy_parameters() == {}
    before = {name: tensor.clone() for name, tensor in learning.model.named_parameters()}
    figures = learning.step()
    moved = {
        name.split(".")[0]
        for name, tensor in learning.model.named_parameters()
        if not torch.equal(tensor, before[name])
    }
    assert {"encoders", "foreground", "background", "reassignment"} <= moved
    assert figures["divergence"] > 0 and "log_posterior" not in figures


def test_a_few_images_are_learned(tiny_overrides: list[str], tiny_images: torch.Tensor) -> None:
    config = load_config("edge-32", [*tiny_overrides, *AMORTISED, "train.generator_rate=0.01"])
    learning = learner(config, tiny_images[:4])
    first = learning.step()
    for _ in range(60):
        last = learning.step()
    assert last["likelihood"] < 0.8 * first["likelihood"]


def test_resumed_learning_gives_the_same_numbers(config: Config, tiny_images: torch.Tensor, tmp_path: Path) -> None:
    whole = learner(config, tiny_images)
    whole.step()
    save_checkpoint(tmp_path, whole, ABOUT)
    second = learner(config, tiny_images)
    restore(tmp_path, second)
    assert second.step() == whole.step()


def test_a_run_is_measured_with_two_passes_through_its_encoders(
    config: Config, tiny_images: torch.Tensor, tmp_path: Path
) -> None:
    learning = learner(config, tiny_images)
    save_checkpoint(tmp_path, learning, ABOUT)
    extractor = load_extractor(tmp_path)
    assert extractor.manifest.sampler.cold_steps == extractor.manifest.sampler.track_steps == 2
    model = learning.model.eval()
    image = learning.images(torch.tensor([3]))
    sample = extractor.sampler.run(image.numpy(), extractor.sampler.noise(), 2)
    mean, _ = model.encode(image)
    torch.testing.assert_close(torch.from_numpy(sample.z), mean.detach())
    torch.testing.assert_close(torch.from_numpy(sample.mask), model(mean).mask.detach())


def test_the_next_latent_does_not_depend_on_this_one(config: Config, tiny_images: torch.Tensor) -> None:
    learning = learner(config, tiny_images)
    image = learning.images(torch.arange(2))
    z = torch.randn(2, 2, config.model.latent.total)
    first, second = (encoder_step(learning.model, start, image, torch.zeros_like(start), config.train) for start in z)
    torch.testing.assert_close(first[0], second[0])
    assert not torch.equal(first[1], second[1])


def test_labels_need_energy_models(tiny_overrides: list[str]) -> None:
    with pytest.raises(ConfigError, match="train.pseudo_label_weight=0"):
        load_config("edge-32", [*tiny_overrides, AMORTISED[0]])


def test_a_sigma_that_the_bound_does_not_have_is_refused(tiny_overrides: list[str]) -> None:
    with pytest.raises(ConfigError, match="train.final_m_step_sigma has no effect with amortised inference"):
        load_config("edge-32", [*tiny_overrides, *AMORTISED, "train.final_m_step_sigma=0.25"])
