"""Amortised inference: encoders instead of energy models and chains, trained as a variational autoencoder (Table 2).

The paper reports that this fails on Birds and gives no details. The objective here is the evidence lower bound of Kingma and
Welling (Auto-Encoding Variational Bayes, 2014) with the model's mixture likelihood. Its sigma is the model's, as in the E-step
of the chains, and not the M-step's: a larger one would give the KL divergence more weight than the bound has.
"""

import torch
from torch import Tensor

from drc_train.config import TrainConfig
from drc_train.model.objective import log_posterior, m_step_loss
from drc_train.model.regions import RegionModel, Regions

ENCODER_STEPS = 2
"""Steps of inference: the first encodes z, the second returns the maps that belong to it."""


def reparameterise(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """A differentiable sample of N(mean, exp(log_variance)), all ``(B, D)``; zeros as ``noise`` give the mean."""
    return mean + (0.5 * log_variance).exp() * noise


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) | N(0, I)): ``(B, D)`` to ``(B,)``."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1)


def variational_loss(
    model: RegionModel, image: Tensor, noise: Tensor, train: TrainConfig
) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """The M-step's loss at samples of the encoders, with the model's sigma, plus the KL divergence per element.

    Args:
        model: with ``model.inference`` amortised.
        image: ``(B, 3, H, W)`` in [-1, 1].
        noise: ``(B, D)`` standard normal.
        train: weights of the parts.

    Returns:
        The loss, its parts by name, and the samples ``(B, D)``.
    """
    mean, log_variance = model.encode(image)
    z = reparameterise(mean, log_variance, noise)
    loss, parts = m_step_loss(model, z, image, train, model.config.sigma)
    penalty = train.divergence_weight * divergence(mean, log_variance).mean() / image[0].numel()
    return loss + penalty, parts | {"divergence": penalty.detach()}, z.detach()


@torch.no_grad()
def encoder_step(
    model: RegionModel, z: Tensor, image: Tensor, noise: Tensor, train: TrainConfig
) -> tuple[Tensor, Tensor, Regions]:
    """Replaces the Langevin ``posterior_step`` if inference is amortised; the next z does not depend on ``z``.

    Args:
        model: with ``model.inference`` amortised.
        z: ``(B, D)``, only evaluated.
        image: ``(B, 3, H, W)`` in [-1, 1].
        noise: ``(B, D)`` standard normal; zeros give the mean.
        train: the weight of the total variation.

    Returns:
        A sample of the encoders ``(B, D)``, and at ``z`` itself the log-posterior ``(B,)`` and the regions.
    """
    mean, log_variance = model.encode(image)
    value, regions = log_posterior(model, z, image, model.config.region_likelihood(), train.total_variation_weight)
    return reparameterise(mean, log_variance, noise), value, regions
