"""The E-step's chains over batches of one fixed size: traced, compiled, and on a GPU captured as a CUDA graph."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule

from drc_train.config import Config
from drc_train.model.regions import RegionModel
from drc_train.sampling.decompositions import training_decompositions
from drc_train.sampling.graph_passes import channels_last
from drc_train.sampling.langevin import posterior_step, prior_step
from drc_train.sampling.precision import FASTEST_FIRST, at_precision, choose_precision, gradient_cosines, tensor_float32
from drc_train.sampling.tracing import Parameters, parameters_of, trace_step

Step = Callable[..., Any]
"""Called with a step's inputs; returns its outputs as a tuple of tensors."""


E_STEP = ("posterior", "prior")
"""Names of the steps that a ``Sampler`` runs."""


def step_example(name: str, model: RegionModel, config: Config, batch: int, device: torch.device) -> tuple[Any, ...]:
    """Inputs of the shapes that a step is traced and compiled for.

    Args:
        name: one of ``E_STEP``, or another for the inputs of the M-step: all but the noise.
        model: the networks.
        config: of the run.
        batch: B.
        device: of the inputs.

    Returns:
        Parameters, z ``(B, D)``, then the image ``(B, C, H, W)`` unless it is a step of the prior, then the noise ``(B, D)``.
    """
    # separate tensors: the tracer treats the same tensor in two places as one input
    z, noise = torch.zeros(2, batch, config.model.latent.total, device=device).unbind()
    shape = batch, config.model.observed_channels, *2 * (config.model.image_size,)
    image = () if name == "prior" else (torch.zeros(shape, device=device),)
    return parameters_of(model), z, *image, *((noise,) if name in E_STEP else ())


def training_graph(
    name: str, model: RegionModel, config: Config, batch: int, device: torch.device, precision: str | None = None
) -> tuple[GraphModule, tuple[Any, ...]]:
    """A step of the chains as it is computed in training: traced, with its kernels in channels-last order.

    Args:
        name: one of ``E_STEP``.
        model: the networks.
        config: of the run.
        batch: B.
        device: where to compute.
        precision: of the posterior's convolutions; None takes the configuration's.

    Returns:
        The graph, and inputs of its shapes.
    """
    graph, example = _traced(name, model, config, batch, device)
    return _for_training(name, graph, precision or config.train.precision), example


class Sampler:
    """Runs posterior and prior chains. ``notes`` are messages for the user on how they are computed."""

    def __init__(self, model: RegionModel, config: Config, batch: int, device: torch.device, compiled: bool = True):
        """Chooses the precision, and compiles both steps if asked to.

        Args:
            model: the networks; later changes of their weights take effect.
            config: step counts, step sizes and precision.
            batch: B of every call.
            device: where to compute.
            compiled: compile now. False runs the traced graphs operator by operator, unless ``use`` gives other steps before
                the first chain. If the compiler fails, they run likewise.
        """
        self.model, self.notes = model, list[str]()
        self._config, self._batch, self._device = config, batch, device
        self._steps: dict[str, Step] = {}
        self.precision: str = config.train.precision
        if self.precision == "auto":
            self.precision = "float32"
            if device.type == "cuda":
                self._measure_precision()
        if compiled:
            self._compile()

    def use(self, name: str, step: Step) -> None:
        """Runs ``step`` from here on for the step ``name`` of ``E_STEP``."""
        self._steps[name] = step

    @torch.no_grad()
    def posterior(self, z: Tensor, image: Tensor, noise: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
        """Runs a posterior chain.

        Args:
            z: ``(B, D)``, where it starts.
            image: ``(B, 3, H, W)`` in [-1, 1].
            noise: ``(B, D)`` standard normal for each step.

        Returns:
            The latents after the last step ``(B, D)``, and the log-posterior before it ``(B,)``.
        """
        with tensor_float32(self.precision == "tf32"):
            return self._run(self._step("posterior"), z, (image,), noise)

    def climb(self, z: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """As ``posterior`` without noise: one step, or on a GPU, whose chains are captured whole, ``posterior_steps`` of them."""
        steps = self._config.train.posterior_steps if isinstance(self._step("posterior"), CapturedChain) else 1
        return self.posterior(z, image, [torch.zeros_like(z)] * steps)

    @torch.no_grad()
    def prior(self, z: Tensor, noise: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
        """Runs a prior chain: as ``posterior``, but returns the energy instead of the log-posterior."""
        with tensor_float32(self.precision == "tf32"):
            return self._run(self._step("prior"), z, (), noise)

    def _step(self, name: str) -> Step:
        if name not in self._steps:
            graph, _ = training_graph(name, self.model, self._config, self._batch, self._device, self.precision)
            self._steps[name] = graph
        return self._steps[name]

    def _compile(self) -> None:
        train = self._config.train
        try:
            with tensor_float32(self.precision == "tf32"):  # a captured graph keeps the precision of its capture
                for name, steps in zip(E_STEP, (train.posterior_steps, train.prior_steps), strict=True):
                    graph = self._step(name)
                    example = step_example(name, self.model, self._config, self._batch, self._device)
                    compiled = compile_step(graph, example)
                    self._steps[name] = (
                        CapturedChain(compiled, example, steps) if self._device.type == "cuda" else compiled
                    )
        except Exception as error:  # noqa: BLE001 - whatever fails in the compiler, training works without it
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            self.notes.append(f"training without the compiler, slower: {reason}")

    def _measure_precision(self) -> None:
        graph, (parameters, z, image, _) = _traced("posterior", self.model, self._config, self._batch, self._device)
        random = torch.Generator(self._device).manual_seed(self._config.train.seed)
        drawn = torch.randn(z.shape, generator=random, device=self._device)
        images = torch.rand(image.shape, generator=random, device=self._device) * 2 - 1
        cosines = gradient_cosines(graph, parameters, drawn, images, FASTEST_FIRST)
        self.precision = choose_precision(cosines)
        measured = ", ".join(f"{name} {cosine:.5f}" for name, cosine in cosines.items())
        self.notes.append(f"E-step in {self.precision} (cosine of the gradient with float32's: {measured})")
        self._steps["posterior"] = _for_training("posterior", graph, self.precision)

    def _run(self, step: Step, z: Tensor, rest: tuple[Tensor, ...], noise: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
        if isinstance(step, CapturedChain):
            return step(z, rest, list(noise))
        parameters, value = parameters_of(self.model), z.new_zeros(len(z))
        for drawn in noise:
            z, value = step(parameters, z, *rest, drawn)
        return z, value


def _traced(
    name: str, model: RegionModel, config: Config, batch: int, device: torch.device
) -> tuple[GraphModule, tuple[Any, ...]]:
    train = config.train

    def posterior(model: RegionModel, z: Tensor, image: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        return posterior_step(model, z, image, noise, train)[:2]

    def prior(model: RegionModel, z: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        return prior_step(model, z, noise, train)

    step: Callable[..., tuple[Tensor, Tensor]] = posterior if name == "posterior" else prior
    example = step_example(name, model, config, batch, device)
    return trace_step(step, model, example[1:], training_decompositions()), example


def _for_training(name: str, graph: GraphModule, precision: str) -> GraphModule:
    return at_precision(channels_last(graph), precision) if name == "posterior" else graph


@torch.no_grad()
def compile_step(step: Step, example: tuple[Any, ...]) -> Step:
    """Compiles a traced step and runs it once, so that the compiler's errors occur here."""
    compiled = torch.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler warns about its own internals
        compiled(*example)
    return compiled


class CapturedChain:
    """A chain of K steps as one CUDA graph over its own buffers, which the host launches with one call.

    The graph reads the parameters at their addresses: optimisers and checkpoints must change them in place.
    """

    @torch.no_grad()
    def __init__(self, step: Step, example: tuple[Any, ...], steps: int) -> None:
        """Captures the chain.

        Args:
            step: compiled.
            example: its inputs on the GPU: parameters, z, further inputs, noise.
            steps: K.
        """
        parameters: Parameters = example[0]
        self._z, *self._rest = (tensor.clone() for tensor in example[1:-1])
        self._noise = torch.zeros(steps, *example[-1].shape, device=example[-1].device)
        # capturing requires a warm-up on another stream, in which the kernels make their allocations
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self._chain(step, parameters)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._out = self._chain(step, parameters)

    def _chain(self, step: Step, parameters: Parameters) -> tuple[Tensor, Tensor]:
        z, value = self._z, self._z.new_zeros(len(self._z))
        for drawn in self._noise:
            z, value = step(parameters, z, *self._rest, drawn)
        return z, value

    def __call__(self, z: Tensor, rest: tuple[Tensor, ...], noise: list[Tensor]) -> tuple[Tensor, Tensor]:
        """The latents after the chain and the value before its last step, as copies that the next call does not change."""
        self._z.copy_(z)
        for buffer, tensor in zip(self._rest, rest, strict=True):
            buffer.copy_(tensor)
        torch.stack(noise, out=self._noise)
        self._graph.replay()
        z_next, value = self._out
        return z_next.clone(), value.clone()
