"""The functions that become the graphs of a bundle, with named inputs and outputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from drc_runtime.bundle.manifest import INITIAL_LATENT, LIT, STUDENT
from drc_runtime.errors import UsageError
from drc_train.config import Config
from drc_train.model.objective import responsibility
from drc_train.model.regions import RegionModel
from drc_train.model.student import SIZE as STUDENT_SIZE
from drc_train.sampling.langevin import posterior_step, prior_step


@dataclass(frozen=True)
class Graph:
    """One graph of a bundle.

    Attributes:
        name: in the bundle.
        function: of the model and the inputs, in the order of ``inputs``; returns the outputs in that of ``outputs``.
        inputs: shapes by name.
        outputs: names.
    """

    name: str
    function: Callable[..., tuple[Tensor, ...]]
    inputs: dict[str, tuple[int, ...]]
    outputs: tuple[str, ...]

    def random_inputs(self, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Random float32 inputs: standard normal z and noise, images uniform in [-1, 1], a scale uniform in [0.03, 0.2].

        A background is the image with noise, as it mostly is: nowhere else is the gradient steep.
        """
        drawn: dict[str, Tensor] = {}
        for name, shape in self.inputs.items():
            if name in ("z", "noise"):
                drawn[name] = torch.randn(shape, generator=generator)
            elif name == "background":
                drawn[name] = (drawn["image"] + 0.1 * torch.randn(shape, generator=generator)).clamp(-1, 1)
            elif name == "background_scale":
                drawn[name] = 0.03 + 0.17 * torch.rand(shape, generator=generator)
            else:
                drawn[name] = torch.rand(shape, generator=generator) * 2 - 1
        return tuple(drawn.values())

    def shapes(self, model: RegionModel) -> dict[str, tuple[int, ...]]:
        """Shapes of the outputs by name."""
        found = self.function(model, *self.random_inputs(torch.Generator().manual_seed(0)))
        return {name: tuple(tensor.shape) for name, tensor in zip(self.outputs, found, strict=True)}


ALL = "all"


def chosen_graphs(
    config: Config, initialised: bool = False, names: Sequence[str] | None = None, taught: bool = False
) -> list[Graph]:
    """The graphs to export: those of ``graphs``, which have a caller in the runtime, unless ``names`` say otherwise.

    Args:
        config: the run's.
        initialised: whether the model has an initialiser.
        names: of graphs, or ``all``; ``posterior_step`` must be among them.
        taught: whether the model has a student.

    Raises:
        UsageError: a graph that this model does not have, or no ``posterior_step``.
    """
    students = [_student()] if taught else []
    if names is None:
        return [*graphs(config, initialised), *students]
    there = {graph.name: graph for graph in [*graphs(config, initialised), *students, *_energies(config)]}
    wanted = list(there) if list(names) == [ALL] else list(dict.fromkeys(names))
    for name in wanted:
        if name not in there:
            raise UsageError(f"--graphs: this model has no graph {name!r}; choose from {', '.join(there)}, or all")
    if "posterior_step" not in wanted:
        raise UsageError("--graphs: a bundle needs posterior_step, which gives the masks; name it as well")
    return [graph for name, graph in there.items() if name in wanted]


def _student() -> Graph:
    """``student``: an image to the foreground's log-odds, both at the student's own size."""

    def log_odds(model: RegionModel, image: Tensor) -> tuple[Tensor, ...]:
        assert model.student is not None
        return (model.student(image),)

    return Graph(STUDENT, log_odds, {"image": (1, 3, STUDENT_SIZE, STUDENT_SIZE)}, ("log_odds",))


def _energies(config: Config) -> list[Graph]:
    """``energies``: z to each energy of Eq. 2 and the logits of the symbolic vectors y, for programs of others."""
    if config.model.inference != "langevin" or config.model.background_input:
        return []
    with_reassignment = bool(config.model.latent.reassignment)

    def energies(model: RegionModel, z: Tensor) -> tuple[Tensor, ...]:
        foreground, background, reassignment = model.split(z)
        found = [model.foreground_energy(foreground), model.background_energy(background)]
        if with_reassignment:
            found.append(model.reassignment_energy(reassignment))
        return (*found, model.foreground_energy.logits(foreground), model.background_energy.logits(background))

    outputs = ("foreground_energy", "background_energy", *(["reassignment_energy"] if with_reassignment else []))
    return [
        Graph(
            "energies",
            energies,
            {"z": (1, config.model.latent.total)},
            (*outputs, "foreground_logits", "background_logits"),
        )
    ]


def graphs(config: Config, initialised: bool = False) -> list[Graph]:
    """The graphs of a bundle for ``config``, at batch size 1.

    Args:
        config: of the run.
        initialised: whether the model has an initialiser.

    Returns:
        ``posterior_step`` (Eq. 13 with the image), ``render``, ``prior_step`` and ``initial_latent``; ``prior_step`` is absent
        with amortised inference, whose prior N(0, I) needs no chain, ``initial_latent`` without an initialiser.
    """
    size = config.model.image_size
    latent, image = (1, config.model.latent.total), (1, 3, size, size)

    def camera_step(
        model: RegionModel, z: Tensor, image: Tensor, noise: Tensor, background: Tensor, background_scale: Tensor
    ) -> tuple[Tensor, ...]:
        return step(model, z, torch.cat((image, background, background_scale), 1), noise)

    def step(model: RegionModel, z: Tensor, image: Tensor, noise: Tensor) -> tuple[Tensor, ...]:
        z_next, value, regions = posterior_step(model, z, image, noise, config.train)
        gamma = responsibility(regions, image, config.model.region_likelihood())
        return z_next, value, regions.mask, gamma, regions.foreground, regions.background

    def render(model: RegionModel, z: Tensor) -> tuple[Tensor, ...]:
        regions = model(z)
        mask = regions.mask
        mixed = mask * regions.foreground + (1 - mask) * regions.background
        # Without re-assignment both backgrounds are one tensor, but a graph needs distinct outputs.
        before = regions.background_before + 0 if not config.model.latent.reassignment else regions.background_before
        return mask, regions.foreground, regions.background, before, mixed

    def prior(model: RegionModel, z: Tensor, noise: Tensor) -> tuple[Tensor, ...]:
        return prior_step(model, z, noise, config.train)

    def initial(model: RegionModel, image: Tensor) -> tuple[Tensor, ...]:
        assert model.initialiser is not None
        return (model.initialiser(image),)

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
    if config.model.background_input:
        given = {"background": image, "background_scale": (1, 1, size, size)}
        outputs = (*found[0].outputs[:-1], LIT)
        return [replace(found[0], function=camera_step, inputs=found[0].inputs | given, outputs=outputs)]
    if config.model.inference == "amortised":
        return found[:2]
    return [*found, Graph(INITIAL_LATENT, initial, {"image": image}, ("z",))] if initialised else found
