"""The networks of a run behind the runtime's engine protocol, so that a run is measured by the code that runs bundles."""

from collections.abc import Mapping, Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from drc_runtime.bundle.manifest import (
    INITIAL_LATENT,
    LIT,
    STUDENT,
    InitialChain,
    LatentSizes,
    Manifest,
    Sampler,
    Schedule,
)
from drc_runtime.engines.protocol import Array, BoundGraph
from drc_runtime.errors import EngineError
from drc_train.config import Config
from drc_train.model.amortised import ENCODER_STEPS
from drc_train.model.objective import responsibility
from drc_train.model.regions import RegionModel
from drc_train.model.student import SIZE as STUDENT_SIZE
from drc_train.sampling.langevin import posterior_step


def manifest_of(config: Config, name: str, model: RegionModel | None = None) -> Manifest:
    """What a bundle of this configuration says about itself, before it has graphs.

    Args:
        config: of the run.
        name: of the bundle.
        model: says whether there is an initialiser; None: there is none.
    """
    latent, size = config.model.latent, config.model.image_size
    steps = config.sampler.cold_steps, config.sampler.track_steps
    sampler = config.sampler
    schedule, initial = _schedule(sampler.start, sampler.end), None
    if model is not None and model.initialiser is not None:
        initial = InitialChain(sampler.initial_steps, _schedule(sampler.initial_start, sampler.initial_end))
    if config.model.inference == "amortised":
        steps = ENCODER_STEPS, ENCODER_STEPS
        schedule = None  # an encoder's step is no gradient but a draw
    return Manifest(
        name=name,
        image_size=(size, size),
        latent=LatentSizes(latent.all_foreground, latent.background, latent.reassignment, latent.foreground_slots),
        sampler=Sampler(
            config.train.posterior_step_size,
            config.model.sigma,
            *steps,
            config.model.foreground_spread,
            config.model.likelihood,
            schedule,
            initial,
        ),
        graphs={},
        background="input" if config.model.background_input else "generated",
    )


def _schedule(start: float, end: float) -> Schedule | None:
    return None if start == end == 1 else Schedule(start, end)


class TorchEngine:
    """Runs ``posterior_step`` with PyTorch's autograd, on a GPU where there is one, and the run's initialiser and student."""

    def __init__(self, model: RegionModel, config: Config, batch: int = 1, device: str | None = None) -> None:
        """Takes a model, which stays where it is: a GPU gets a copy.

        Args:
            model: the networks.
            config: of the run.
            batch: B of every call.
            device: ``cpu`` or ``cuda``; None takes a GPU where there is one.

        Raises:
            EngineError: ``cuda``, and there is no GPU that PyTorch can use.
        """
        has_gpu = torch.cuda.is_available()
        if device == "cuda" and not has_gpu:
            raise EngineError("PyTorch finds no GPU here: leave --device out, or take --device cpu")
        self._model = deepcopy(model).cuda() if has_gpu and device != "cpu" else model
        self._config = config
        size = config.model.image_size
        latent = np.zeros((batch, config.model.latent.total), np.float32)
        self._inputs = {"z": latent, "image": np.zeros((batch, 3, size, size), np.float32), "noise": latent.copy()}
        if config.model.background_input:
            self._inputs["background"] = self._inputs["image"].copy()
            self._inputs["background_scale"] = np.ones((batch, 1, size, size), np.float32)

    def bind(self, graph: str, outputs: Sequence[str]) -> BoundGraph:
        """As ``Engine.bind``."""
        if graph == INITIAL_LATENT and self._model.initialiser is not None:
            return _ImageBinding(self._model.initialiser, self._inputs["image"].copy(), "z")
        if graph == STUDENT and self._model.student is not None:
            image = np.zeros((len(self._inputs["image"]), 3, STUDENT_SIZE, STUDENT_SIZE), np.float32)
            return _ImageBinding(self._model.student, image, "log_odds")
        if graph != "posterior_step":
            raise EngineError(f"a run has no graph {graph!r}; export it to a bundle")
        return _Binding(self._model, self._config, self._inputs, outputs)


class _ImageBinding:
    """A network that takes an image alone: ``initial_latent`` or ``student``."""

    def __init__(self, network: nn.Module, image: Array, output: str) -> None:
        self._network, self._output = network, output
        self.inputs = {"image": image}
        self.outputs: dict[str, Array] = {}

    @torch.no_grad()
    def run(self) -> None:
        device = next(self._network.parameters()).device
        self.outputs[self._output] = self._network(torch.from_numpy(self.inputs["image"]).to(device)).cpu().numpy()


class _Binding:
    def __init__(self, model: RegionModel, config: Config, inputs: Mapping[str, Array], outputs: Sequence[str]) -> None:
        self._model, self._config = model, config
        self.inputs = inputs
        self.outputs: dict[str, Array] = dict.fromkeys(outputs, np.zeros(0, np.float32))

    def run(self) -> None:
        device = next(self._model.parameters()).device
        z, image, noise = (torch.from_numpy(self.inputs[name]).to(device) for name in ("z", "image", "noise"))
        if "background" in self.inputs:
            given = (torch.from_numpy(self.inputs[name]).to(device) for name in ("background", "background_scale"))
            image = torch.cat((image, *given), 1)
        z_next, value, regions = posterior_step(self._model, z, image, noise, self._config.train)
        found: dict[str, Tensor] = {"z_next": z_next, "log_posterior": value, "mask": regions.mask}
        found |= {"foreground": regions.foreground, "background": regions.background, LIT: regions.background}
        if "responsibility" in self.outputs:
            found["responsibility"] = responsibility(regions, image, self._config.model.region_likelihood())
        for name in self.outputs:
            self.outputs[name] = found[name].cpu().numpy()
