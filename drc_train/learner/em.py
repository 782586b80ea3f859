"""One iteration of Algorithm 1: the E-step moves both chains, the M-step the generators and the energy models."""

from collections.abc import Iterator
from math import exp

import torch
from torch import Tensor
from torch.autograd.profiler import record_function
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from drc_runtime.errors import TrainingError
from drc_runtime.inference.empty_scene import empty_scene
from drc_train.config import Config
from drc_train.data.observations import SCALE_STEPS
from drc_train.learner.background_compiler import BackgroundCompiler
from drc_train.learner.chains import Chains, ChainState
from drc_train.learner.distributed import ProcessGroup
from drc_train.learner.m_step import M_STEP, GeneratorGradient
from drc_train.learner.prefetch import Prefetcher
from drc_train.learner.stability import StabilityMonitor, gradients_finite, reinitialise_diverged
from drc_train.learner.state import (
    LearnerState,
    check_adam,
    check_random_state,
    check_tensors,
    load_optimiser,
    optimiser_tensors,
)
from drc_train.learner.swap import Swap
from drc_train.model.amortised import variational_loss
from drc_train.model.regions import RegionModel
from drc_train.sampling.sampler import Sampler

PARTS = ("iteration", "images", "posterior chain", "prior chain", "energies", "generators")
"""Names of the parts of an iteration in a profile; the first is the whole."""


class Learner:
    """Everything that training changes: networks, optimisers, chains, random states and the order of the images."""

    def __init__(
        self,
        config: Config,
        images: Tensor,
        device: torch.device,
        compiled: bool = True,
        group: ProcessGroup | None = None,
    ) -> None:
        """Starts from the configuration's seed.

        Args:
            config: the run's configuration; ``train.batch_size`` is that of each process.
            images: ``(N, C, H, W)`` uint8, C as ``observed_channels``, all of them in every process. They may be mapped from a
                file, and are copied to ``device`` if they fit.
            device: where to compute.
            compiled: False runs operator by operator. On a processor a process of its own compiles while this one learns; on a
                GPU, where the steps become CUDA graphs, this call does.
            group: the processes that train together; None is this one alone.
        """
        self.config, self.device, self.prefetcher = config, device, Prefetcher(images, device)
        self.group = group or ProcessGroup(device)
        self.random = torch.Generator().manual_seed(config.train.seed)
        self.noise = torch.Generator(device).manual_seed(config.train.seed)
        self.model = RegionModel(config.model, self.random)
        self._start_notes: list[str] = []
        if config.model.background_image:
            self._start_background(images)
        self.model.to(device)
        train = config.train
        self.batch = min(train.batch_size, len(images) * train.sides // self.group.size)
        self.chains = Chains(len(images), config.model.latent.total, self.random, self.group, train.sides)
        betas = (train.beta1, train.beta2)
        generators, energies = self.model.generator_parameters(), self.model.energy_parameters()
        self.generator_optimiser = torch.optim.Adam(generators.values(), train.generator_rate, betas, fused=True)
        # as a group, because Adam refuses an empty list, and with amortised inference there are no energy models
        groups = [{"params": list(energies.values())}]
        self.energy_optimiser = torch.optim.Adam(groups, train.energy_rate, betas, fused=True)
        self.average = averaged(self.model, train.averaging) if train.averaging else None
        self.amortised = config.model.inference == "amortised"
        compiled = compiled and not self.amortised
        captured = compiled and device.type == "cuda"
        self.sampler = Sampler(self.model, config, self.batch, device, captured)
        self.generator_gradient = GeneratorGradient(self.model, train, captured)
        self.stability = StabilityMonitor()
        self.iteration = 0
        self.swaps: list[Swap] = []
        """When steps that a process of its own compiled, or the cache had, were taken into use."""
        self._compiler = BackgroundCompiler(config, self.model, self.batch) if compiled and not captured else None

    @property
    def notes(self) -> list[str]:
        """Messages for the user on how things are computed; later iterations may add more."""
        background = self._compiler.notes if self._compiler else []
        return [*self._start_notes, *self.sampler.notes, *self.generator_gradient.notes, *background]

    def wait_until_compiled(self) -> None:
        """Waits for the process that compiles, if there is one, so that all iterations from here on are alike."""
        if self._compiler:
            self._compiler.wait()
            self.take_compiled()

    def close(self) -> None:
        """Ends the process that compiles, if it is at work; the learner goes on without."""
        if self._compiler:
            self._compiler.close()

    def step(self) -> dict[str, float]:
        """Runs one EM iteration and returns its figures by name.

        Keys: the parts of the M-step's loss, ``foreground_share`` in [0, 1], and ``reinitialised``, the number of diverged
        chains (the mean over the processes). Unless inference is amortised also ``log_posterior`` per image and the mean
        energies ``energy_posterior`` and ``energy_prior``. If all chains diverged, there is nothing to learn from and
        ``reinitialised`` is the only figure.
        """
        self.take_compiled()
        train = self.config.train
        index = self.chains.next_batch(self.batch, train.redraw, train.follow, self.random)
        figures, updated = (self._amortised_step if self.amortised else self._langevin_step)(index)
        if self.average and updated:
            self.average.update_parameters(self.model)
        self.iteration += 1
        figures = self.group.mean(figures)
        reinitialised = round(figures["reinitialised"] * self.group.size)
        self.stability.record(reinitialised, 2 * len(index) * self.group.size, updated)
        return figures

    def state_dict(self) -> LearnerState:
        """The whole state, in main memory or on the device. A collective: all processes must call it."""
        chains = self.chains.state()
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for name, optimiser in self._optimisers().items():
            tensors |= {f"{name}.{key}": tensor for key, tensor in optimiser_tensors(optimiser).items()}
        if self.average:
            tensors |= {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        tensors |= {
            "chains.posterior": chains.posterior,
            "chains.prior": chains.prior,
            "chains.order": chains.order,
            "random": self.random.get_state(),
            "noise": self.noise.get_state(),
        }
        return LearnerState(tensors, self.iteration, chains.position, chains.sides)

    def load_state_dict(self, state: LearnerState) -> list[str]:
        """Continues from a state. Checks all of it before it changes anything.

        The learner may have more images than the state: the chains of the added images start from noise.

        Returns:
            Why the next numbers are not those of an uninterrupted run; empty if they are.

        Raises:
            TrainingError: the state belongs to other networks, has more images, or is damaged.
        """
        posterior, prior, order = (state.one(f"chains.{name}") for name in ("posterior", "prior", "order"))
        chains = ChainState(posterior, prior, order, state.position, state.sides)
        random, noise, average = state.one("random"), state.one("noise"), state.part("average")
        self.chains.check(chains)
        check_tensors(state.part("model"), self.model.state_dict(), "the weights")
        for name, optimiser in self._optimisers().items():
            check_adam(state.part(name), optimiser)
        if self.average and average:
            check_tensors(average, self.average.state_dict(), "the averaged weights")
        same_device = noise.shape == self.noise.get_state().shape
        check_random_state(random, self.random)
        if same_device:
            check_random_state(noise, self.noise)
        elif noise.dtype != torch.uint8 or noise.ndim != 1 or not len(noise):
            raise TrainingError("the checkpoint is damaged: the state of the noise is no list of bytes")

        remarks = []
        self._start_notes = []
        self.model.load_state_dict(state.part("model"))
        for name, optimiser in self._optimisers().items():
            load_optimiser(state.part(name), optimiser)
        if self.average and average:
            self.average.load_state_dict(average)
        elif self.average:  # switched on when resuming: it starts at the present weights
            self.average = averaged(self.model, self.config.train.averaging)
        if not self.chains.load(chains):
            remarks.append(
                "other images or another number of processes than before: a new round over the images begins"
            )
        self.random.set_state(random)
        if same_device:
            self.noise.set_state(noise)
        else:
            self.noise.manual_seed(self.config.train.seed + state.iteration)
            remarks.append(
                f"learned on another kind of device than {self.device.type}: the noise is another one from here on"
            )
        self.iteration = state.iteration
        return remarks

    def images(self, index: Tensor) -> Tensor:
        """The images of the chains ``index``, mirrored for the chains of mirror images: ``(B, C, H, W)``, see ``to_network``."""
        which, mirrored = self.chains.images_of(index)
        image = to_network(self.prefetcher.take(which), self.device)
        if self.chains.sides == 1:
            return image
        return torch.where(mirrored.to(self.device)[:, None, None, None], image.flip(3), image)

    def take_compiled(self) -> None:
        """Takes into use what has been compiled meanwhile."""
        if not self._compiler:
            return
        ready = self._compiler.take()
        for it in ready:
            if it.name == M_STEP:
                self.generator_gradient.use(it.step, it.parts)
            else:
                self.sampler.use(it.name, it.step)
        if ready:
            swap = Swap(tuple(it.name for it in ready), self.iteration, round(sum(it.seconds for it in ready), 2))
            self.swaps.append(swap)
            self._compiler.notes.append(swap.line())

    def _start_background(self, images: Tensor) -> None:
        """Starts the background's learned image at the scene without the things that stand in it for long."""
        start = empty_scene(images.permute(0, 2, 3, 1).numpy())
        image = torch.from_numpy(start.image).permute(2, 0, 1)
        self.model.start_background(to_network(image, torch.device("cpu")))
        if start.replaced:
            self._start_notes = [
                f"a thing stands in {start.replaced:.1%} of the picture for most of the time: the background starts without it "
                "(grid.png shows it)"
            ]
        elif start.ambiguous:
            self._start_notes = [
                f"{start.ambiguous:.1%} of the picture has two lasting states: the background starts from the longer one, which "
                "fits its surroundings (grid.png shows it)"
            ]

    def _langevin_step(self, index: Tensor) -> tuple[dict[str, float], bool]:
        """E-step with both chains, then the M-step and Eq. 3; the figures, and whether both updates were made."""
        train = self.config.train
        with record_function(PARTS[1]):
            image = self._images_and_prefetch(index)
        posterior, prior = self.chains.take(index)
        with record_function(PARTS[2]):
            noise = self._noise(train.posterior_steps, len(index))
            posterior, log_posterior = self.sampler.posterior(posterior, image, noise)
        with record_function(PARTS[3]):
            prior, energy = self.sampler.prior(prior, self._noise(train.prior_steps, len(index)))
        seed = self.iteration * self.group.size + self.group.rank
        posterior, rows, diverged = reinitialise_diverged(posterior, log_posterior, seed)
        prior, prior_rows, prior_diverged = reinitialise_diverged(prior, energy, seed)
        self.chains.put(index, posterior, prior)
        figures = {"reinitialised": float(diverged + prior_diverged)}
        (nothing_left,) = self.group.any(not len(rows) or not len(prior_rows))
        if nothing_left:
            return figures, False
        posterior, image = posterior[rows], image[rows]
        # before the energies move: Listing 3's labels are those of the step's start
        with record_function(PARTS[5]):
            parts = self.generator_gradient(posterior, image, self.iteration)
            generators_moved = self._move(self.generator_optimiser)
            if train.centre_decay and generators_moved:
                with torch.no_grad():
                    self.model.foreground_place.mul_(exp(-1 / train.centre_decay))
        with record_function(PARTS[4]):
            energies, energies_moved = self._move_energies(posterior, prior[prior_rows])
        figures |= energies | {"log_posterior": float(log_posterior[rows].mean())}
        return {name: float(value) for name, value in parts.items()} | figures, energies_moved and generators_moved

    def _amortised_step(self, index: Tensor) -> tuple[dict[str, float], bool]:
        train = self.config.train
        noise = next(self._noise(1, len(index)))
        loss, parts, posterior = variational_loss(self.model, self._images_and_prefetch(index), noise, train)
        self.generator_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        updated = self._move(self.generator_optimiser)
        if updated:
            self.chains.put(index, posterior)
        return {name: float(value) for name, value in parts.items()} | {"reinitialised": 0.0}, updated

    def _noise(self, steps: int, batch: int) -> Iterator[Tensor]:
        """``(B, D)`` for each step: this process's rows of the noise that all processes draw."""
        rows = self.group.size * batch, self.config.model.latent.total
        own = slice(self.group.rank * batch, (self.group.rank + 1) * batch)
        for _ in range(steps):
            yield torch.randn(rows, generator=self.noise, device=self.device)[own]

    def _images_and_prefetch(self, index: Tensor) -> Tensor:
        image, following = self.images(index), self.chains.peek(self.batch)
        if following is not None:
            self.prefetcher.prefetch(self.chains.images_of(following)[0])
        return image

    def _move_energies(self, posterior: Tensor, prior: Tensor) -> tuple[dict[str, float], bool]:
        """Eq. 3: lowers the energy of posterior samples and raises that of prior samples."""
        self.energy_optimiser.zero_grad(set_to_none=True)
        positive, negative = self.model.energy(posterior).mean(), self.model.energy(prior).mean()
        (positive - negative).backward()
        moved = self._move(self.energy_optimiser)
        return {"energy_posterior": positive.item(), "energy_prior": negative.item()}, moved

    def _move(self, optimiser: torch.optim.Optimizer) -> bool:
        """Updates by the mean gradient of all processes; skips the update and returns False if that is not finite."""
        parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
        self.group.average_gradients(parameters)
        finite = gradients_finite(parameters)
        if finite:
            optimiser.step()
        return finite

    def _optimisers(self) -> dict[str, torch.optim.Adam]:
        return {"generator_optimiser": self.generator_optimiser, "energy_optimiser": self.energy_optimiser}


def averaged(model: RegionModel, decay: float) -> AveragedModel:
    """An exponential moving average of the networks, to be updated once an iteration."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))


def to_network(images: Tensor, device: torch.device) -> Tensor:
    """``(B, 3, H, W)`` uint8 to float32 in [-1, 1], the same values as ``drc_runtime.preprocess.to_tensor``.

    Observations ``(B, 7, H, W)`` (``drc_train.data.observations``) to those of ``drc_train.model.camera``.
    """
    values = images.to(device).float() / 127.5
    if images.shape[-3] == 3:
        return values - 1
    return torch.cat((values[:, :6] - 1, values[:, 6:] / SCALE_STEPS), 1)
