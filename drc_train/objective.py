"""The objective J of Eq. 12 in both its uses: its gradient with respect to z (E-step) and to the generators (M-step)."""

from math import log

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drc_train.config import Sigmas, TrainConfig
from drc_train.model import RegionModel, Regions


def region_log_likelihoods(regions: Regions, image: Tensor, sigma: Sigmas) -> tuple[Tensor, Tensor]:
    """Per pixel and channel, -|difference| / (2 sigma^2) of foreground and background: two ``(B, 3, H, W)``.

    Where the two sigmas differ, so do the constants that make them densities: the foreground's is that much lower.
    """
    foreground = -(regions.foreground - image).abs() / (2 * sigma.foreground**2)
    background = -(regions.background - image).abs() / (2 * sigma.background**2)
    if sigma.foreground != sigma.background:
        foreground = foreground - 2 * log(sigma.foreground / sigma.background)
    return foreground, background


def mixture_log_likelihood(regions: Regions, image: Tensor, sigma: Sigmas) -> Tensor:
    """log(pi_f p_f + pi_b p_b) of Eq. 6 for each pixel and channel, without constants: ``(B, 3, H, W)``.

    Its gradient is the gradient of Eq. 12 with the responsibilities held fixed: that is the identity of Eq. 10, so nothing
    needs to be detached. With l = log(pi_f / pi_b) it is log p_b - softplus(l) + softplus(l + log p_f - log p_b), which
    never takes the logarithm of a small number.
    """
    foreground, background = region_log_likelihoods(regions, image, sigma)
    return background - F.softplus(regions.logit) + F.softplus(regions.logit + foreground - background)


def responsibility(regions: Regions, image: Tensor, sigma: Sigmas) -> Tensor:
    """The foreground's posterior responsibility of each pixel (Eq. 7), channels summed: ``(B, 1, H, W)`` in [0, 1]."""
    foreground, background = region_log_likelihoods(regions, image, sigma)
    return torch.sigmoid(regions.logit + (foreground - background).sum(1, keepdim=True))


def total_variation(picture: Tensor) -> Tensor:
    """Sum of the absolute differences between neighbours (Eq. 23): ``(B, C, H, W)`` to ``(B,)``."""
    horizontal = (picture[:, :, :, 1:] - picture[:, :, :, :-1]).abs().sum((1, 2, 3))
    vertical = (picture[:, :, 1:] - picture[:, :, :-1]).abs().sum((1, 2, 3))
    return horizontal + vertical


def log_prior(model: RegionModel, z: Tensor) -> Tensor:
    """-energy - |z|^2 / 2 (Eq. 2, without constants): ``(B, D)`` to ``(B,)``."""
    return -model.energy(z) - 0.5 * z.square().sum(1)


def log_posterior(
    model: RegionModel, z: Tensor, image: Tensor, sigma: Sigmas, total_variation_weight: float
) -> tuple[Tensor, Regions]:
    """The function whose gradient moves z (Eq. 19 and Listing 2): ``(B,)``, and the regions it was computed from."""
    regions = model(z)
    likelihood = mixture_log_likelihood(regions, image, sigma).sum((1, 2, 3))
    penalty = total_variation_weight * total_variation(regions.background)
    return likelihood - penalty + log_prior(model, z), regions


def orthogonal_penalty(module: nn.Module) -> Tensor:
    """Sum over convolutions of the Frobenius norm of W W^T off its diagonal (Eq. 24)."""
    total = torch.zeros((), device=next(module.parameters()).device)
    for parameter in module.parameters():
        if parameter.ndim == 4:
            kernel = parameter.flatten(1)
            product = kernel @ kernel.T
            total = total + (product - torch.diag(product.diagonal())).norm()
    return total


def pseudo_label_loss(model: RegionModel, z: Tensor, regions: Regions) -> Tensor:
    """Cross-entropy between the symbolic vectors and what the classifiers find in the regions (Eq. 22).

    Each classifier sees its region times the sigmoid of the region's own mask logit, so that a null region shows nothing.
    """
    z_foreground, z_background, _ = model.split(z)
    with torch.no_grad():
        foreground_label = model.foreground_energy.logits(z_foreground).softmax(1)
        background_label = model.background_energy.logits(z_background).softmax(1)
    foreground = model.foreground_classifier(regions.foreground * regions.foreground_logit.sigmoid())
    background = model.background_classifier(regions.background_before * regions.background_logit_before.sigmoid())
    return F.cross_entropy(foreground, foreground_label) + F.cross_entropy(background, background_label)


def m_step_loss(model: RegionModel, z: Tensor, image: Tensor, train: TrainConfig) -> tuple[Tensor, dict[str, Tensor]]:
    """The generators' loss (Listing 3), and its parts by name.

    The total variation is taken per element like the likelihood, so that the two keep the E-step's ratio.
    """
    regions = model(z)
    parts = {"likelihood": -mixture_log_likelihood(regions, image, model.config.sigmas(train.m_step_sigma)).mean()}
    elements = image[0].numel()
    parts["total_variation"] = train.total_variation_weight * total_variation(regions.background).mean() / elements
    if train.pseudo_label_weight:
        parts["pseudo_label"] = train.pseudo_label_weight * pseudo_label_loss(model, z, regions)
    if train.orthogonal_weight:
        penalised = (model.foreground, model.background, model.foreground_classifier, model.background_classifier)
        parts["orthogonal"] = train.orthogonal_weight * sum(map(orthogonal_penalty, penalised), torch.zeros(()))
    share = regions.mask.mean()
    if train.share_weight:
        parts["share"] = train.share_weight * share
    loss = torch.stack(list(parts.values())).sum()
    return loss, {name: part.detach() for name, part in parts.items()} | {"foreground_share": share.detach()}
