"""One iteration of Algorithm 1: sample both chains, then move the energy models and the generators."""

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from drc_train.amortised import variational_loss
from drc_train.chains import Chains
from drc_train.config import Config
from drc_train.health import Health, gradients_finite, mend
from drc_train.langevin import Sampler
from drc_train.model import RegionModel
from drc_train.objective import m_step_loss

MEDIAN_OF = 500
"""About so many pictures, evenly spread, are enough for the median."""


class Learner:
    """Everything that learning changes: networks, optimisers, chains, random state, and the order of the pictures."""

    def __init__(self, config: Config, pictures: Tensor, device: torch.device, compiled: bool = True) -> None:
        """``pictures (N, 3, H, W)`` uint8 RGB stay where they are; batches travel to ``device``."""
        self.config, self.pictures, self.device = config, pictures, device
        self.random = torch.Generator().manual_seed(config.train.seed)
        self.noise = torch.Generator(device).manual_seed(config.train.seed)
        self.model = RegionModel(config.model, self.random)
        if config.model.background_picture:
            self.model.start_background(to_network(median(pictures), torch.device("cpu")))
        self.model.to(device)
        self.batch = min(config.train.batch_size, len(pictures))
        self.chains = Chains(len(pictures) * (2 if config.train.mirror else 1), config.model.latent.total, self.random)
        train = config.train
        betas = (train.beta1, train.beta2)
        self.generator_optimiser = torch.optim.Adam(
            self.model.generator_parameters(), train.generator_rate, betas, fused=True
        )
        # a group of its own, because with amortised inference it is empty
        energies = [{"params": self.model.energy_parameters()}]
        self.energy_optimiser = torch.optim.Adam(energies, train.energy_rate, betas, fused=True)
        self.average = averaged(self.model, train.averaging) if train.averaging else None
        self.amortised = config.model.inference == "amortised"
        self.sampler = Sampler(self.model, config, self.batch, device, compiled and not self.amortised)
        self.health = Health()
        self.iteration = 0

    def step(self) -> dict[str, float]:
        """One EM iteration; returns its figures by name.

        Keys: the parts of the M-step's loss, ``foreground_share`` in [0, 1] and how many chains diverged and were
        ``redrawn``; unless inference is amortised also ``log_posterior`` per picture and the mean energies
        ``energy_posterior`` and ``energy_prior``. If all chains diverged there is nothing to learn from, and ``redrawn`` is
        the only one.
        """
        train = self.config.train
        index = self.chains.next_batch(self.batch, train.redraw, train.follow, self.random)
        figures, updated = (self._amortised_step if self.amortised else self._langevin_step)(index)
        if self.average and updated:
            self.average.update_parameters(self.model)
        self.iteration += 1
        self.health.note(int(figures["redrawn"]), 2 * len(index), updated)
        return figures

    def _langevin_step(self, index: Tensor) -> tuple[dict[str, float], bool]:
        """E-step with both chains, then Eq. 3 and the M-step; the figures, and whether both updates were made."""
        train, image = self.config.train, self.images(index)
        posterior, log_posterior = self.sampler.posterior(
            self.chains.posterior[index].to(self.device), image, train.posterior_steps, self.noise
        )
        prior, energy = self.sampler.prior(self.chains.prior[index].to(self.device), train.prior_steps, self.noise)
        posterior, rows, redrawn = mend(posterior, log_posterior, self.iteration)
        prior, prior_rows, prior_redrawn = mend(prior, energy, self.iteration)
        self.chains.posterior[index], self.chains.prior[index] = posterior.cpu(), prior.cpu()
        figures = {"redrawn": float(redrawn + prior_redrawn)}
        if not len(rows) or not len(prior_rows):
            return figures, False
        posterior, image = posterior[rows], image[rows]
        energies, energies_moved = self._move_energies(posterior, prior[prior_rows])
        loss, parts = m_step_loss(self.model, posterior, image, train, train.m_step_sigma_at(self.iteration))
        generators_moved = self._move_generators(loss)
        figures |= energies | {"log_posterior": float(log_posterior[rows].mean())}
        return {name: float(value) for name, value in parts.items()} | figures, energies_moved and generators_moved

    def _amortised_step(self, index: Tensor) -> tuple[dict[str, float], bool]:
        train, dimensions = self.config.train, self.chains.posterior.shape[1]
        noise = torch.randn(len(index), dimensions, generator=self.noise, device=self.device)
        sigma = train.m_step_sigma_at(self.iteration)
        loss, parts, posterior = variational_loss(self.model, self.images(index), noise, train, sigma)
        updated = self._move_generators(loss)
        if updated:
            self.chains.posterior[index] = posterior.cpu()
        return {name: float(value) for name, value in parts.items()} | {"redrawn": 0.0}, updated

    def images(self, index: Tensor) -> Tensor:
        """The pictures that chains belong to, as the network takes them: ``(B, 3, H, W)`` on the device.

        With ``train.mirror`` the chains after the pictures' own are those of the same pictures mirrored.
        """
        count = len(self.pictures)
        image = to_network(self.pictures[index % count], self.device)
        mirrored = (index >= count).to(self.device)[:, None, None, None]
        return torch.where(mirrored, image.flip(3), image) if self.config.train.mirror else image

    def _move_generators(self, loss: Tensor) -> bool:
        """An update of generators and classifiers (or of the encoders), unless it is not finite."""
        self.generator_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        return _move(self.generator_optimiser)

    def _move_energies(self, posterior: Tensor, prior: Tensor) -> tuple[dict[str, float], bool]:
        """Eq. 3: lower the energy of posterior samples, raise that of prior samples."""
        self.energy_optimiser.zero_grad(set_to_none=True)
        positive, negative = self.model.energy(posterior).mean(), self.model.energy(prior).mean()
        (positive - negative).backward()
        moved = _move(self.energy_optimiser)
        return {"energy_posterior": positive.item(), "energy_prior": negative.item()}, moved


def _move(optimiser: torch.optim.Optimizer) -> bool:
    """An update, unless a gradient is not a number: then the weights stay as they are."""
    finite = gradients_finite([parameter for group in optimiser.param_groups for parameter in group["params"]])
    if finite:
        optimiser.step()
    return finite


def averaged(model: RegionModel, decay: float) -> AveragedModel:
    """An exponential moving average of the networks, to be updated once an iteration."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))


def to_network(pictures: Tensor, device: torch.device) -> Tensor:
    """``(B, 3, H, W)`` uint8 to float32 in [-1, 1], the values that ``drc_runtime.preprocess.to_tensor`` gives."""
    return pictures.to(device).float() / 127.5 - 1


def median(pictures: Tensor) -> Tensor:
    """The middle value of each pixel and channel over ``(N, 3, H, W)`` pictures: ``(3, H, W)``, of the same type."""
    rows = pictures[:: max(len(pictures) // MEDIAN_OF, 1)]
    return rows.median(0).values
