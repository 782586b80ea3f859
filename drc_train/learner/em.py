"""One iteration of Algorithm 1: sample both chains, then move the energy models and the generators."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.profiler import record_function
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from drc_train.config import Config
from drc_train.learner.chains import Chains
from drc_train.learner.distributed import Processes
from drc_train.learner.m_step import GeneratorGradient
from drc_train.learner.prefetch import Feed
from drc_train.learner.stability import Health, gradients_finite, mend
from drc_train.model.amortised import variational_loss
from drc_train.model.regions import RegionModel
from drc_train.sampling.sampler import Sampler

PARTS = ("iteration", "images", "posterior chain", "prior chain", "energies", "generators")
"""What an iteration is made of, as a profile names it; the first is the whole."""
MEDIAN_OF = 500
"""About so many images, evenly spread, are enough for the median."""


class Learner:
    """Everything that learning changes: networks, optimisers, chains, random state, and the order of the images."""

    def __init__(
        self,
        config: Config,
        images: Tensor,
        device: torch.device,
        compiled: bool = True,
        processes: Processes | None = None,
    ) -> None:
        """Starts from the configuration's seed.

        Args:
            config: what to learn and how; ``train.batch_size`` is that of each process.
            images: ``(N, 3, H, W)`` uint8 RGB, all of them in every process. They may be mapped from a file, and are copied
                to ``device`` if they fit.
            device: where to compute.
            compiled: False runs operator by operator.
            processes: with whom to learn; None is alone.
        """
        self.config, self.device, self.feed = config, device, Feed(images, device)
        self.processes = processes or Processes(device)
        self.random = torch.Generator().manual_seed(config.train.seed)
        self.noise = torch.Generator(device).manual_seed(config.train.seed)
        self.model = RegionModel(config.model, self.random)
        if config.model.background_image:
            self.model.start_background(to_network(median(images), torch.device("cpu")))
        self.model.to(device)
        count = len(images) * config.train.sides
        self.batch = min(config.train.batch_size, count // self.processes.count)
        self.chains = Chains(count, config.model.latent.total, self.random, self.processes)
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
        compiled = compiled and not self.amortised
        self.sampler = Sampler(self.model, config, self.batch, device, compiled)
        self.generator_gradient = GeneratorGradient(self.model, train, compiled)
        self.health = Health()
        self.iteration = 0

    @property
    def notes(self) -> list[str]:
        """Lines for the user on how things are computed; they may become more."""
        return [*self.sampler.notes, *self.generator_gradient.notes]

    def step(self) -> dict[str, float]:
        """One EM iteration; returns its figures by name.

        Keys: the parts of the M-step's loss, ``foreground_share`` in [0, 1] and how many chains diverged and were
        ``redrawn`` in each process; unless inference is amortised also ``log_posterior`` per image and the mean energies
        ``energy_posterior`` and ``energy_prior``. If all chains diverged there is nothing to learn from, and ``redrawn`` is
        the only one.
        """
        train = self.config.train
        index = self.chains.next_batch(self.batch, train.redraw, train.follow, self.random)
        figures, updated = (self._amortised_step if self.amortised else self._langevin_step)(index)
        if self.average and updated:
            self.average.update_parameters(self.model)
        self.iteration += 1
        figures = self.processes.mean(figures)
        self.health.note(
            round(figures["redrawn"] * self.processes.count), 2 * len(index) * self.processes.count, updated
        )
        return figures

    def _langevin_step(self, index: Tensor) -> tuple[dict[str, float], bool]:
        """E-step with both chains, then Eq. 3 and the M-step; the figures, and whether both updates were made."""
        train = self.config.train
        with record_function(PARTS[1]):
            image = self._images_while_fetching(index)
        posterior, prior = self.chains.take(index)
        with record_function(PARTS[2]):
            noise = self._noise(train.posterior_steps, len(index))
            posterior, log_posterior = self.sampler.posterior(posterior, image, noise)
        with record_function(PARTS[3]):
            prior, energy = self.sampler.prior(prior, self._noise(train.prior_steps, len(index)))
        seed = self.iteration * self.processes.count + self.processes.rank
        posterior, rows, redrawn = mend(posterior, log_posterior, seed)
        prior, prior_rows, prior_redrawn = mend(prior, energy, seed)
        self.chains.put(index, posterior, prior)
        figures = {"redrawn": float(redrawn + prior_redrawn)}
        (nothing_left,) = self.processes.any(not len(rows) or not len(prior_rows))
        if nothing_left:
            return figures, False
        posterior, image = posterior[rows], image[rows]
        with record_function(PARTS[4]):
            energies, energies_moved = self._move_energies(posterior, prior[prior_rows])
        with record_function(PARTS[5]):
            parts = self.generator_gradient(posterior, image, self.iteration)
            generators_moved = self._move(self.generator_optimiser)
        figures |= energies | {"log_posterior": float(log_posterior[rows].mean())}
        return {name: float(value) for name, value in parts.items()} | figures, energies_moved and generators_moved

    def _amortised_step(self, index: Tensor) -> tuple[dict[str, float], bool]:
        train = self.config.train
        noise = next(self._noise(1, len(index)))
        sigma = train.m_step_sigma_at(self.iteration)
        loss, parts, posterior = variational_loss(self.model, self._images_while_fetching(index), noise, train, sigma)
        self.generator_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        updated = self._move(self.generator_optimiser)
        if updated:
            self.chains.put(index, posterior)
        return {name: float(value) for name, value in parts.items()} | {"redrawn": 0.0}, updated

    def _noise(self, steps: int, batch: int) -> Iterator[Tensor]:
        """``(B, D)`` for each step: this process's rows of what all processes draw alike."""
        rows = self.processes.count * batch, self.config.model.latent.total
        own = slice(self.processes.rank * batch, (self.processes.rank + 1) * batch)
        for _ in range(steps):
            yield torch.randn(rows, generator=self.noise, device=self.device)[own]

    def _images_while_fetching(self, index: Tensor) -> Tensor:
        image, following = self.images(index), self.chains.peek(self.batch)
        if following is not None:
            self.feed.prefetch(following % len(self.feed))
        return image

    def images(self, index: Tensor) -> Tensor:
        """The images that chains belong to, as the network takes them: ``(B, 3, H, W)`` on the device.

        With ``train.mirror`` the chains after the images' own are those of the same images mirrored.
        """
        count = len(self.feed)
        image = to_network(self.feed.take(index % count), self.device)
        mirrored = (index >= count).to(self.device)[:, None, None, None]
        return torch.where(mirrored, image.flip(3), image) if self.config.train.mirror else image

    def _move_energies(self, posterior: Tensor, prior: Tensor) -> tuple[dict[str, float], bool]:
        """Eq. 3: lower the energy of posterior samples, raise that of prior samples."""
        self.energy_optimiser.zero_grad(set_to_none=True)
        positive, negative = self.model.energy(posterior).mean(), self.model.energy(prior).mean()
        (positive - negative).backward()
        moved = self._move(self.energy_optimiser)
        return {"energy_posterior": positive.item(), "energy_prior": negative.item()}, moved

    def _move(self, optimiser: torch.optim.Optimizer) -> bool:
        """An update by the mean of all processes' gradients, unless that is not a number: then the weights stay as they are."""
        parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
        self.processes.average_gradients(parameters)
        finite = gradients_finite(parameters)
        if finite:
            optimiser.step()
        return finite


def averaged(model: RegionModel, decay: float) -> AveragedModel:
    """An exponential moving average of the networks, to be updated once an iteration."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))


def to_network(images: Tensor, device: torch.device) -> Tensor:
    """``(B, 3, H, W)`` uint8 to float32 in [-1, 1], the values that ``drc_runtime.preprocess.to_tensor`` gives."""
    return images.to(device).float() / 127.5 - 1


def median(images: Tensor) -> Tensor:
    """The middle value of each pixel and channel over ``(N, 3, H, W)`` images: ``(3, H, W)``, of the same type."""
    rows = images[:: max(len(images) // MEDIAN_OF, 1)]
    return rows.median(0).values
