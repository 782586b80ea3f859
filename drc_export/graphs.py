"""The functions that are exported: the bundle's three graphs with their inputs and outputs by name."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from drc_train.config import Config
from drc_train.model.objective import responsibility
from drc_train.model.regions import RegionModel
from drc_train.sampling.langevin import posterior_step, prior_step


@dataclass(frozen=True)
class Graph:
    """One graph of the bundle: a function of the model and its named inputs, with named outputs."""

    name: str
    function: Callable[..., tuple[Tensor, ...]]
    inputs: dict[str, tuple[int, ...]]
    outputs: tuple[str, ...]

    def random_inputs(self, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Fresh float32 inputs: standard normal z and noise, an image uniform in [-1, 1]."""
        return tuple(
            torch.rand(shape, generator=generator) * 2 - 1
            if name == "image"
            else torch.randn(shape, generator=generator)
            for name, shape in self.inputs.items()
        )

    def shapes(self, model: RegionModel) -> dict[str, tuple[int, ...]]:
        """The shapes of the outputs by name."""
        found = self.function(model, *self.random_inputs(torch.Generator().manual_seed(0)))
        return {name: tuple(tensor.shape) for name, tensor in zip(self.outputs, found, strict=True)}


def graphs(config: Config, batch: int = 1) -> list[Graph]:
    """The graphs of a bundle for ``config``, each of fixed batch size ``batch`` (format: design, Bundle version 1)."""
    size = config.model.image_size
    latent, image = (batch, config.model.latent.total), (batch, 3, size, size)

    def step(model: RegionModel, z: Tensor, image: Tensor, noise: Tensor) -> tuple[Tensor, ...]:
        z_next, value, regions = posterior_step(model, z, image, noise, config.train)
        gamma = responsibility(regions, image, config.model.region_likelihood())
        return z_next, value, regions.mask, gamma, regions.foreground, regions.background

    def render(model: RegionModel, z: Tensor) -> tuple[Tensor, ...]:
        regions = model(z)
        mask = regions.mask
        mixed = mask * regions.foreground + (1 - mask) * regions.background
        # without re-assignment both backgrounds are one tensor, and a graph's outputs have to be apart
        before = regions.background_before + 0 if not config.model.latent.reassignment else regions.background_before
        return mask, regions.foreground, regions.background, before, mixed

    def prior(model: RegionModel, z: Tensor, noise: Tensor) -> tuple[Tensor, ...]:
        return prior_step(model, z, noise, config.train)

    found = [
        Graph(
            "posterior_step",
            step,
            {"z": latent, "image": image, "noise": latent},
            ("z_next", "log_posterior", "mask", "responsibility", "foreground", "background"),
        ),
        Graph(
            "render",
            render,
            {"z": latent},
            ("mask", "foreground", "background", "background_before_reassignment", "image"),
        ),
        Graph("prior_step", prior, {"z": latent, "noise": latent}, ("z_next", "energy")),
    ]
    # with amortised inference the prior is N(0, I), which needs no chain
    return found if config.model.inference == "langevin" else found[:2]
