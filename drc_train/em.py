"""One iteration of Algorithm 1: sample both chains, then move the energy models and the generators."""

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from drc_train.amortised import variational_loss
from drc_train.chains import Chains
from drc_train.config import Config
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
        self.iteration = 0

    def step(self) -> dict[str, float]:
        """One EM iteration; returns its figures by name.

        Keys: the parts of the M-step's loss and ``foreground_share`` in [0, 1]; unless inference is amortised also
        ``log_posterior`` per picture and the mean energies ``energy_posterior`` and ``energy_prior``.
        """
        train = self.config.train
        index = self.chains.next_batch(self.batch, train.redraw, train.follow, self.random)
        image = self.images(index)
        sigma = train.m_step_sigma_at(self.iteration)
        if self.amortised:
            noise = torch.randn(len(index), self.chains.posterior.shape[1], generator=self.noise, device=self.device)
            loss, parts, posterior = variational_loss(self.model, image, noise, train, sigma)
            figures: dict[str, float] = {}
        else:
            posterior, log_posterior = self.sampler.posterior(
                self.chains.posterior[index].to(self.device), image, train.posterior_steps, self.noise
            )
            prior, _ = self.sampler.prior(self.chains.prior[index].to(self.device), train.prior_steps, self.noise)
            self.chains.prior[index] = prior.cpu()
            figures = self._move_energies(posterior, prior) | {"log_posterior": float(log_posterior.mean())}
            loss, parts = m_step_loss(self.model, posterior, image, train, sigma)
        self.chains.posterior[index] = posterior.cpu()
        self.generator_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.generator_optimiser.step()
        if self.average:
            self.average.update_parameters(self.model)
        self.iteration += 1
        return {name: float(value) for name, value in parts.items()} | figures

    def images(self, index: Tensor) -> Tensor:
        """The pictures that chains belong to, as the network takes them: ``(B, 3, H, W)`` on the device.

        With ``train.mirror`` the chains after the pictures' own are those of the same pictures mirrored.
        """
        count = len(self.pictures)
        image = to_network(self.pictures[index % count], self.device)
        mirrored = (index >= count).to(self.device)[:, None, None, None]
        return torch.where(mirrored, image.flip(3), image) if self.config.train.mirror else image

    def _move_energies(self, posterior: Tensor, prior: Tensor) -> dict[str, float]:
        """Eq. 3: lower the energy of posterior samples, raise that of prior samples."""
        self.energy_optimiser.zero_grad(set_to_none=True)
        positive, negative = self.model.energy(posterior).mean(), self.model.energy(prior).mean()
        (positive - negative).backward()
        self.energy_optimiser.step()
        return {"energy_posterior": positive.item(), "energy_prior": negative.item()}


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
