"""The objective against the formulas of the paper, written out the long way."""

from math import log, pi

import pytest
import torch

from drc_train.config import Likelihood, ModelConfig, load_config
from drc_train.model.layers import grid_sample
from drc_train.model.objective import (
    log_posterior,
    m_step_loss,
    mixture_log_likelihood,
    orthogonal_penalty,
    responsibility,
    slot_responsibilities,
    total_variation,
)
from drc_train.model.regions import RegionModel
from drc_train.sampling.langevin import posterior_step, prior_step

SIGMA, WEIGHT = 0.25, 0.01
BOTH = Likelihood(SIGMA, SIGMA)
TRAIN = load_config("birds").train.model_copy(
    update={"posterior_step_size": 0.1, "prior_step_size": 0.4, "total_variation_weight": WEIGHT}
)


def small_model(reassignment: int = 6, slots: int = 1) -> RegionModel:
    config = ModelConfig(
        image_size=8,
        latent={"foreground": 5, "background": 3, "reassignment": reassignment, "foreground_slots": slots},
        base_channels=4,
        channels=(6,),
        upsampling="nearest",
        foreground_categories=3,
        background_categories=2,
        energy_width=8,
        reassignment_energy_width=8,
        classifier_channels=4,
    )
    return RegionModel(config, torch.Generator().manual_seed(0)).double()


def batch(model: RegionModel, count: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    dimensions = model.config.latent.total
    z = torch.randn(count, dimensions, generator=random, dtype=torch.float64)
    image = torch.rand(count, 3, 8, 8, generator=random, dtype=torch.float64) * 2 - 1
    return z, image, torch.randn(count, dimensions, generator=random, dtype=torch.float64)


def test_mixture_is_the_logarithm_of_the_weighted_sum() -> None:
    model = small_model()
    z, image, _ = batch(model)
    regions = model(z)
    pi_f = regions.mask
    p_foreground = torch.exp(-(regions.foreground - image).abs() / (2 * SIGMA**2))
    p_background = torch.exp(-(regions.background - image).abs() / (2 * SIGMA**2))
    expected = torch.log(pi_f * p_foreground + (1 - pi_f) * p_background)
    torch.testing.assert_close(mixture_log_likelihood(regions, image, BOTH), expected)


def test_two_sigmas_are_two_densities() -> None:
    """Laplace densities with 1 / (2 sigma^2) as their rate; the background's normalising constant is left out of both."""
    model = small_model()
    z, image, _ = batch(model)
    regions = model(z)
    wide = Likelihood(2 * SIGMA, SIGMA)
    rates = [1 / (2 * scale**2) for scale in wide[:2]]
    densities = [
        rate * torch.exp(-rate * (drawn - image).abs())
        for rate, drawn in zip(rates, (regions.foreground, regions.background), strict=True)
    ]
    expected = torch.log(regions.mask * densities[0] + (1 - regions.mask) * densities[1]) - log(rates[1])
    torch.testing.assert_close(mixture_log_likelihood(regions, image, wide), expected)
    ratio = (densities[0] / densities[1]).prod(1, keepdim=True) * regions.mask / (1 - regions.mask)
    torch.testing.assert_close(responsibility(regions, image, wide), ratio / (1 + ratio))


def test_gaussian_densities_with_two_sigmas() -> None:
    model = small_model()
    z, image, _ = batch(model)
    regions = model(z)
    wide = Likelihood(2 * SIGMA, SIGMA, "gaussian")
    densities = [
        torch.distributions.Normal(drawn, scale).log_prob(image).exp()
        for scale, drawn in zip(wide[:2], (regions.foreground, regions.background), strict=True)
    ]
    constant = -log(SIGMA) - 0.5 * log(2 * pi)
    expected = torch.log(regions.mask * densities[0] + (1 - regions.mask) * densities[1]) - constant
    torch.testing.assert_close(mixture_log_likelihood(regions, image, wide), expected)
    ratio = (densities[0] / densities[1]).prod(1, keepdim=True) * regions.mask / (1 - regions.mask)
    torch.testing.assert_close(responsibility(regions, image, wide), ratio / (1 + ratio))


@pytest.mark.parametrize("family", ["laplace", "gaussian"])
def test_slots_compete_as_the_mixture_of_all_regions(family: str) -> None:
    """Eqs. 6 and 7 with K + 1 regions, written out: softmax of the mask logits, weighted densities, Bayes."""
    model = small_model(slots=3)
    z, image, _ = batch(model)
    likelihood = Likelihood(1.5 * SIGMA, SIGMA, family)
    regions = model(z)
    shape = (len(z), 3, -1, 8, 8)
    logits = torch.cat((regions.slot_logits.reshape(len(z), 3, 8, 8), torch.zeros(len(z), 1, 8, 8).double()), 1)
    weights = logits.softmax(1)[:, :, None]
    images = torch.cat((regions.slots.reshape(shape), regions.background[:, None]), 1)
    scales = torch.tensor([1.5 * SIGMA] * 3 + [SIGMA]).double()[None, :, None, None, None]
    difference = (images - image[:, None]).abs()
    if family == "laplace":
        densities = torch.exp(-difference / (2 * scales**2)) * (SIGMA / scales) ** 2
    else:
        densities = torch.exp(-difference.square() / (2 * scales**2)) * (SIGMA / scales)
    torch.testing.assert_close(mixture_log_likelihood(regions, image, likelihood), (weights * densities).sum(1).log())
    joint = weights[:, :, 0] * densities.prod(2)
    expected = joint / joint.sum(1, keepdim=True)
    found = slot_responsibilities(regions, image, likelihood)
    torch.testing.assert_close(found, expected[:, [3, 0, 1, 2]])
    torch.testing.assert_close(responsibility(regions, image, likelihood), 1 - found[:, :1])
    torch.testing.assert_close(regions.mask, weights[:, :3].sum(1))
    mixed = regions.mask * regions.foreground + (1 - regions.mask) * regions.background
    torch.testing.assert_close(mixed, (weights * images).sum(1))


def test_one_network_draws_every_slot_and_their_order_means_nothing() -> None:
    model = small_model(slots=2)
    z, image, _ = batch(model)
    swapped = torch.cat((z[:, 5:10], z[:, :5], z[:, 10:]), 1)
    value, regions = log_posterior(model, z, image, BOTH, WEIGHT)
    other_value, other = log_posterior(model, swapped, image, BOTH, WEIGHT)
    torch.testing.assert_close(other_value, value)
    torch.testing.assert_close(other.slots.unflatten(0, (3, 2)).flip(1), regions.slots.unflatten(0, (3, 2)))
    torch.testing.assert_close(other.foreground, regions.foreground)


def test_a_second_slot_with_the_first_one_s_latent_only_doubles_the_foreground_s_weight() -> None:
    """So the two-region model is the special case: its log-ratio plus log 2."""
    one, two = small_model(), small_model(slots=2)
    z, image, _ = batch(one)
    twice = torch.cat((z[:, :5], z), 1)
    single, double = one(z), two(twice)
    torch.testing.assert_close(double.logit, single.logit + log(2))
    torch.testing.assert_close(double.foreground, single.foreground)
    energies = two.energy(twice) - one.energy(z)
    torch.testing.assert_close(energies, one.foreground_energy(z[:, :5]))


def test_step_follows_listing_2_with_detached_responsibilities() -> None:
    model = small_model()
    z, image, noise = batch(model)
    start = z.clone().requires_grad_()
    regions = model(start)
    log_pf = -(regions.foreground - image).abs() / (2 * SIGMA**2)
    log_pb = -(regions.background - image).abs() / (2 * SIGMA**2)
    pi_f, pi_b = regions.mask, 1 - regions.mask
    gamma = (pi_f * log_pf.exp() / (pi_f * log_pf.exp() + pi_b * log_pb.exp())).detach()
    expected_log = gamma * (pi_f.log() + log_pf) + (1 - gamma) * (pi_b.log() + log_pb)
    objective = -expected_log.sum() + WEIGHT * total_variation(regions.background).sum()
    objective = objective + model.energy(start).sum() + 0.5 * start.square().sum()
    (gradient,) = torch.autograd.grad(objective, start)
    found, _, _ = posterior_step(model, z, image, noise, TRAIN)
    torch.testing.assert_close(found, z - 0.5 * 0.1**2 * gradient + 0.1 * noise)


@pytest.mark.parametrize("part", ["foreground", "reassignment"])
def test_finite_difference_of_the_log_posterior_along_its_own_step(part: str) -> None:
    """The contract of the exported graph; the background's part is left out because its map is detached."""
    model = small_model()
    z, image, noise = batch(model, 1)
    found, _, _ = posterior_step(model, z, image, noise * 0, TRAIN)
    gradient = (found - z) / (0.1**2 / 2)
    columns = slice(0, 5) if part == "foreground" else slice(8, None)
    direction = torch.zeros_like(z)
    direction[:, columns] = gradient[:, columns]
    direction /= direction.norm()
    step = 1e-6
    ahead, behind = (log_posterior(model, z + sign * step * direction, image, BOTH, WEIGHT)[0] for sign in (1, -1))
    difference = float((ahead - behind) / (2 * step))
    assert difference == pytest.approx(float((gradient * direction).sum()), rel=1e-4)


def test_prior_step_moves_down_the_energy_and_towards_the_origin() -> None:
    model = small_model()
    z, _, noise = batch(model)
    start = z.clone().requires_grad_()
    energies = [
        -torch.logsumexp(model.foreground_energy.logits(start[:, :5]), 1),
        -torch.logsumexp(model.background_energy.logits(start[:, 5:8]), 1),
        model.reassignment_energy.logits(start[:, 8:])[:, 0],
    ]
    (gradient,) = torch.autograd.grad((sum(energies) + 0.5 * start.square().sum(1)).sum(), start)
    found, energy = prior_step(model, z, noise, TRAIN)
    torch.testing.assert_close(found, z - 0.08 * gradient + 0.4 * noise)
    torch.testing.assert_close(energy, sum(energies).detach())


def test_responsibility_sums_the_channels() -> None:
    model = small_model()
    z, image, _ = batch(model)
    regions = model(z)
    weight = torch.exp(-(regions.foreground - image).abs().sum(1, keepdim=True) / (2 * SIGMA**2)) * regions.mask
    other = torch.exp(-(regions.background - image).abs().sum(1, keepdim=True) / (2 * SIGMA**2)) * (1 - regions.mask)
    torch.testing.assert_close(responsibility(regions, image, BOTH), weight / (weight + other))


def test_whole_pixels_compete_by_the_responsibility_that_masks_are_read_from() -> None:
    model = small_model()
    z, image, _ = batch(model)
    regions = model(z)
    whole = BOTH._replace(whole_pixels=True)
    evidence = mixture_log_likelihood(regions, image, whole)
    assert evidence.shape == (3, 1, 8, 8)
    (found,) = torch.autograd.grad(evidence.sum(), regions.slots, retain_graph=True)
    gamma = responsibility(regions, image, BOTH)
    torch.testing.assert_close(responsibility(regions, image, whole), gamma)
    torch.testing.assert_close(found, gamma * (image - regions.slots).sign() / (2 * SIGMA**2))  # Eq. 10


def test_the_m_step_of_whole_pixels_is_per_element() -> None:
    model = small_model()
    z, image, _ = batch(model)
    model.config = model.config.model_copy(update={"competition": "pixel"})
    _, parts = m_step_loss(model, z, image, TRAIN, SIGMA)
    expected = -mixture_log_likelihood(model(z), image, BOTH._replace(whole_pixels=True)).sum() / image.numel()
    torch.testing.assert_close(parts["likelihood"], expected.detach())


def test_the_map_that_re_assignment_reads_is_detached() -> None:
    model = small_model()
    z, _, _ = batch(model)
    own = model.reassignment.smallest_map(model.split(z)[2])
    smallest = model.background.smallest_map(model.split(z)[1])
    grid = torch.tanh(model.reassignment.grow(torch.cat((own, smallest), 1))).detach()
    fixed = grid_sample(torch.tanh(model.background.grow(smallest)[:, :3]), grid)
    weight = model.background.project.weight
    (expected,) = torch.autograd.grad(fixed.square().sum(), weight)
    (found,) = torch.autograd.grad(model(z).background.square().sum(), weight)
    torch.testing.assert_close(found, expected)


def test_total_variation_of_a_step_edge() -> None:
    image = torch.zeros(1, 3, 4, 4)
    image[:, :, :, 2:] = 1
    assert total_variation(image).tolist() == [12.0]


def test_orthogonal_penalty_is_zero_only_for_orthogonal_kernels() -> None:
    layer = torch.nn.Conv2d(2, 3, 2, bias=False)
    torch.nn.init.orthogonal_(layer.weight)
    assert float(orthogonal_penalty(layer)) == pytest.approx(0, abs=1e-6)
    layer.weight.data[1] = layer.weight.data[0]
    assert float(orthogonal_penalty(layer)) == pytest.approx(2**0.5, rel=1e-5)
    assert float(orthogonal_penalty(layer, squared=True)) == pytest.approx(2, rel=1e-5)


def test_m_step_loss_adds_up_and_reaches_generators_but_not_energies() -> None:
    model = small_model().float()
    z, image, _ = (tensor.float() for tensor in batch(model))
    train = load_config("edge-32").train
    loss, parts = m_step_loss(model, z, image, train, train.m_step_sigma)
    share = float(parts.pop("foreground_share"))
    assert float(loss) == pytest.approx(sum(float(part) for part in parts.values()), rel=1e-5)
    assert float(parts["share"]) == pytest.approx(train.share_weight * share, rel=1e-5)
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.generator_parameters().values())
    assert all(parameter.grad is None for parameter in model.energy_parameters().values())
