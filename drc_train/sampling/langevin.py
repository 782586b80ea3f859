"""One Langevin step as an explicit function of its tensors (Listing 2).

The function takes the gradient itself and is traced to plain operators (``trace_step``). Training compiles the same function that
the export writes into a graph.
"""

import torch
from torch import Tensor

from drc_train.config import TrainConfig
from drc_train.model.amortised import encoder_step
from drc_train.model.objective import log_posterior
from drc_train.model.regions import RegionModel, Regions


def langevin_update(z: Tensor, gradient: Tensor, noise: Tensor, step_size: float) -> Tensor:
    """Eq. 13 in Listing 2's form: z + step_size^2 / 2 * gradient + step_size * noise."""
    return z + 0.5 * step_size**2 * gradient + step_size * noise


def posterior_step(
    model: RegionModel, z: Tensor, image: Tensor, noise: Tensor, train: TrainConfig
) -> tuple[Tensor, Tensor, Regions]:
    """One step of the posterior chain (Eq. 13); with amortised inference a sample of the encoders.

    Args:
        model: the generators and energy models.
        z: ``(B, D)`` latents.
        image: ``(B, 3, H, W)`` in [-1, 1].
        noise: ``(B, D)`` standard normal; zeros give plain gradient ascent.
        train: the step size (s1 of Appendix B) and the weight of Eq. 23; the likelihood's sigmas are the model's.

    Returns:
        z after the step ``(B, D)``, and before it the log-posterior ``(B,)`` and the regions.
    """
    if model.config.inference == "amortised":
        return encoder_step(model, z, image, noise, train)
    with torch.enable_grad():
        start = z.detach().requires_grad_()
        value, regions = log_posterior(
            model, start, image, model.config.region_likelihood(), train.total_variation_weight
        )
        (gradient,) = torch.autograd.grad(value.sum(), start)
    regions = Regions(*(region.detach() for region in regions))
    return langevin_update(z, gradient, noise, train.posterior_step_size), value.detach(), regions


def prior_step(model: RegionModel, z: Tensor, noise: Tensor, train: TrainConfig) -> tuple[Tensor, Tensor]:
    """One step of the prior chain, whose stationary distribution is the prior of Eq. 2.

    Args:
        model: the energy models.
        z: ``(B, D)`` latents.
        noise: ``(B, D)`` standard normal.
        train: the step size.

    Returns:
        z after the step ``(B, D)``, and the energy before it ``(B,)``.
    """
    with torch.enable_grad():
        start = z.detach().requires_grad_()
        energy = model.energy(start)
        (gradient,) = torch.autograd.grad((-energy - 0.5 * start.square().sum(1)).sum(), start)
    return langevin_update(z, gradient, noise, train.prior_step_size), energy.detach()
