"""The objective J of Eq. 12: the E-step follows its gradient in z, the M-step its gradient in the generators' weights."""

from math import log

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drc_train.config import Likelihood, TrainConfig
from drc_train.model.camera import OBSERVED, camera_log_likelihoods
from drc_train.model.regions import RegionModel, Regions


def region_log_likelihoods(regions: Regions, image: Tensor, likelihood: Likelihood) -> tuple[Tensor, Tensor]:
    """The log-likelihood of each pixel and channel in each region.

    Up to a constant that both regions share. If their sigmas differ, so do their normalising constants, and the foreground's is
    subtracted here.

    Args:
        regions: drawn from a batch of latents.
        image: ``(B, 3, H, W)`` in [-1, 1].
        likelihood: sigmas and family.

    Returns:
        Of each foreground slot ``(B K, 3, H, W)`` and of the background ``(B, 3, H, W)``. With a given background, whose
        ``image`` is an observation ``(B, 7, H, W)``, of whole pixels: one channel each (``drc_train.model.camera``).
    """
    if image.shape[1] == OBSERVED:
        return camera_log_likelihoods(regions, image, likelihood)

    def log_density(drawn: Tensor, image: Tensor, sigma: float) -> Tensor:
        difference = drawn - image
        distance = difference.abs() if likelihood.family == "laplace" else difference.square()
        return -distance / (2 * sigma**2)

    foreground = log_density(regions.slots, regions.for_each_slot(image), likelihood.foreground)
    background = log_density(regions.background, image, likelihood.background)
    if likelihood.foreground != likelihood.background:
        # a Laplace density is normalised by its rate, 1 / (2 sigma^2), a Gaussian by 1 / sigma
        power = 2 if likelihood.family == "laplace" else 1
        foreground = foreground - power * log(likelihood.foreground / likelihood.background)
    return foreground, background


def mixture_log_likelihood(regions: Regions, image: Tensor, likelihood: Likelihood) -> Tensor:
    """log(sum_k pi_k p_k + pi_b p_b) of Eq. 6 for each pixel and channel, up to a constant: ``(B, 3, H, W)``.

    Its gradient equals the gradient of Eq. 12 with fixed responsibilities. This is the identity of Eq. 10, so nothing needs to be
    detached. With l_k = log(pi_k / pi_b) and lse the log-sum-exp over the foreground slots, the value is
    log p_b - softplus(lse_k l_k) + softplus(lse_k(l_k + log p_k - log p_b)), which takes no logarithm of a small number.
    """
    foreground, background = region_log_likelihoods(regions, image, likelihood)
    odds = regions.slot_logits + foreground - regions.for_each_slot(background)
    return background - F.softplus(regions.logit) + F.softplus(regions.over_slots(odds))


def _log_odds(regions: Regions, image: Tensor, likelihood: Likelihood) -> Tensor:
    """log(pi_k p_k / (pi_b p_b)), channels summed, of each slot: ``(B K, 1, H, W)``."""
    foreground, background = region_log_likelihoods(regions, image, likelihood)
    return regions.slot_logits + (foreground - regions.for_each_slot(background)).sum(1, keepdim=True)


def responsibility(regions: Regions, image: Tensor, likelihood: Likelihood) -> Tensor:
    """The foreground's responsibility for each pixel (Eq. 7), from all channels: ``(B, 1, H, W)`` in [0, 1]."""
    return torch.sigmoid(regions.over_slots(_log_odds(regions, image, likelihood)))


def slot_responsibilities(regions: Regions, image: Tensor, likelihood: Likelihood) -> Tensor:
    """Responsibilities of the background and each slot (Eq. 7): ``(B, 1 + K, H, W)``, background first, summing to 1."""
    odds = _log_odds(regions, image, likelihood)[:, 0].unflatten(0, (len(image), -1))
    return torch.cat((torch.zeros_like(odds[:, :1]), odds), 1).softmax(1)


def total_variation(image: Tensor) -> Tensor:
    """Sum of absolute differences between neighbouring pixels (Eq. 23): ``(B, C, H, W)`` to ``(B,)``."""
    horizontal = (image[:, :, :, 1:] - image[:, :, :, :-1]).abs().sum((1, 2, 3))
    vertical = (image[:, :, 1:] - image[:, :, :-1]).abs().sum((1, 2, 3))
    return horizontal + vertical


def log_prior(model: RegionModel, z: Tensor) -> Tensor:
    """-energy - |z|^2 / 2 (Eq. 2, up to a constant): ``(B, D)`` to ``(B,)``."""
    return -model.energy(z) - 0.5 * z.square().sum(1)


def log_posterior(
    model: RegionModel, z: Tensor, image: Tensor, likelihood: Likelihood, total_variation_weight: float
) -> tuple[Tensor, Regions]:
    """The function whose gradient moves z (Eq. 19 and Listing 2).

    Args:
        model: generators and energy models.
        z: ``(B, D)``.
        image: ``(B, 3, H, W)`` in [-1, 1].
        likelihood: sigmas and family.
        total_variation_weight: of Eq. 23.

    Returns:
        The log-posterior up to a constant ``(B,)``, and the regions of z.
    """
    regions = model(z, image)
    evidence = mixture_log_likelihood(regions, image, likelihood).sum((1, 2, 3))
    penalty = total_variation_weight * total_variation(regions.background)
    return evidence - penalty + log_prior(model, z), regions


def orthogonal_penalty(module: nn.Module, squared: bool = False) -> Tensor:
    """Sum over all convolutions of the Frobenius norm of the off-diagonal part of W W^T (Eq. 24), or of its square."""
    total = torch.zeros((), device=next(module.parameters()).device)
    for parameter in module.parameters():
        if parameter.ndim == 4:
            kernel = parameter.flatten(1)
            product = kernel @ kernel.T
            outside = product - torch.diag(product.diagonal())
            total = total + (outside.square().sum() if squared else outside.norm())
    return total


def pseudo_label_loss(model: RegionModel, z: Tensor, regions: Regions) -> Tensor:
    """Cross-entropy between the symbolic vectors and the classifiers' predictions from the regions (Eq. 22).

    A classifier's input is its region times the sigmoid of the region's own mask logit: a null region shows nothing. Each
    foreground slot is a region.
    """
    z_foreground, z_background, _ = model.split(z)
    with torch.no_grad():
        foreground_label = model.foreground_energy.logits(z_foreground).softmax(1)
        background_label = model.background_energy.logits(z_background).softmax(1)
    foreground = model.foreground_classifier(regions.slots * regions.slot_logits_before.sigmoid())
    background = model.background_classifier(regions.background_before * regions.background_logit_before.sigmoid())
    return F.cross_entropy(foreground, foreground_label) + F.cross_entropy(background, background_label)


def m_step_loss(
    model: RegionModel, z: Tensor, image: Tensor, train: TrainConfig, sigma: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """The generators' loss (Listing 3).

    The total variation is per element, like the likelihood, so that their ratio is that of the E-step.

    Args:
        model: its generators and classifiers get gradients.
        z: ``(B, D)`` posterior samples.
        image: ``(B, 3, H, W)`` in [-1, 1].
        train: weights of the parts; those of weight 0 are left out.
        sigma: of the likelihood.

    Returns:
        The loss; its weighted parts by name, with ``foreground_share``, the mean of pi_f, besides.
    """
    regions = model(z, image)
    parts = {"likelihood": -mixture_log_likelihood(regions, image, model.config.region_likelihood(sigma)).mean()}
    elements = image[0].numel()
    parts["total_variation"] = train.total_variation_weight * total_variation(regions.background).mean() / elements
    if train.pseudo_label_weight:
        parts["pseudo_label"] = train.pseudo_label_weight * pseudo_label_loss(model, z, regions)
    if train.orthogonal_weight:
        penalised = (model.foreground, model.background, model.foreground_classifier, model.background_classifier)
        penalties = [orthogonal_penalty(module, train.orthogonal_squared) for module in penalised]
        parts["orthogonal"] = train.orthogonal_weight * torch.stack(penalties).sum()
    share = regions.mask.mean()
    if train.share_weight:
        parts["share"] = train.share_weight * share
    loss = torch.stack(list(parts.values())).sum()
    return loss, {name: part.detach() for name, part in parts.items()} | {"foreground_share": share.detach()}
