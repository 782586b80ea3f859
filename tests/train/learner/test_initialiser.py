"""The initialiser climbs the log-posterior of a finished learner's images."""

import torch

from drc_train.config import Config
from drc_train.learner.em import Learner
from drc_train.learner.initialiser import InitialiserLearner
from drc_train.model.initialiser import Initialiser


def learner_of(config: Config, images: torch.Tensor) -> Learner:
    learner = Learner(config, images, torch.device("cpu"), compiled=False)
    for _ in range(3):
        learner.step()
    return learner


def test_it_climbs_the_log_posterior_and_changes_nothing_of_the_learner(
    tiny_config: Config, tiny_images: torch.Tensor
) -> None:
    learner = learner_of(tiny_config, tiny_images)
    before = {name: tensor.clone() for name, tensor in learner.state_dict().tensors.items()}
    torch.manual_seed(0)
    learning = InitialiserLearner(learner, Initialiser(tiny_config.model), 150, seed=0)
    values = [learning.step() for _ in range(150)]
    assert sum(values[-20:]) / 20 > sum(values[:20]) / 20 + 1
    after = learner.state_dict().tensors
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_each_part_of_a_latent_has_the_length_of_the_chains(tiny_config: Config) -> None:
    network = Initialiser(tiny_config.model)
    chains = torch.randn(50, tiny_config.model.latent.total, generator=torch.Generator().manual_seed(1))
    chains[:, : network.parts[0]] *= 3
    network.measure(chains)
    z = network(torch.rand(4, 3, 8, 8) * 2 - 1)
    for found, expected in zip(torch.split(z, network.parts, 1), torch.split(chains, network.parts, 1), strict=True):
        length = expected.square().mean().sqrt().expand(4)
        torch.testing.assert_close(found.square().mean(1).sqrt(), length, rtol=0.01, atol=0)


def test_a_batch_of_one_image_is_learned_from(tiny_config: Config, tiny_images: torch.Tensor) -> None:
    learner = learner_of(tiny_config, tiny_images[:1])
    assert torch.isfinite(torch.tensor(InitialiserLearner(learner, Initialiser(tiny_config.model), 1, 0).step()))
