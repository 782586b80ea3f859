"""The E-step's chains over batches of one fixed size: traced, compiled, and on a GPU captured as a CUDA graph."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from drc_train.config import Config
from drc_train.model.regions import RegionModel
from drc_train.sampling.decompositions import training_decompositions
from drc_train.sampling.graph_passes import channels_last
from drc_train.sampling.langevin import posterior_step, prior_step
from drc_train.sampling.precision import FASTEST_FIRST, at_precision, choose_precision, gradient_cosines, tensor_float32
from drc_train.sampling.tracing import Parameters, parameters_of, trace_step

Step = Callable[..., Any]
"""Called with a step's inputs; returns its outputs as a tuple of tensors."""


class Sampler:
    """Runs posterior and prior chains. ``notes`` are messages for the user on how they are computed."""

    def __init__(self, model: RegionModel, config: Config, batch: int, device: torch.device, compiled: bool = True):
        """Traces, measures and compiles both steps.

        Args:
            model: the networks; later changes of their weights take effect.
            config: step counts, step sizes and precision.
            batch: B of every call.
            device: where to compute.
            compiled: False runs the traced graphs operator by operator. If the compiler fails, they run likewise.
        """
        self.model, self.notes = model, list[str]()
        train, size, dimensions = config.train, config.model.image_size, config.model.latent.total
        # separate tensors: the tracer treats the same tensor in two places as one input
        z, noise = torch.zeros(2, batch, dimensions, device=device).unbind()
        image = torch.zeros(batch, config.model.observed_channels, size, size, device=device)

        def posterior(model: RegionModel, z: Tensor, image: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
            return posterior_step(model, z, image, noise, train)[:2]

        def prior(model: RegionModel, z: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
            return prior_step(model, z, noise, train)

        posterior_graph = trace_step(posterior, model, (z, image, noise), training_decompositions())
        self.precision: str = train.precision
        if self.precision == "auto":
            self.precision = "float32"
            if device.type == "cuda":
                random = torch.Generator(device).manual_seed(train.seed)
                drawn = torch.randn(z.shape, generator=random, device=device)
                images = torch.rand(image.shape, generator=random, device=device) * 2 - 1
                cosines = gradient_cosines(posterior_graph, parameters_of(model), drawn, images, FASTEST_FIRST)
                self.precision = choose_precision(cosines)
                measured = ", ".join(f"{name} {cosine:.5f}" for name, cosine in cosines.items())
                self.notes.append(f"E-step in {self.precision} (cosine of the gradient with float32's: {measured})")
        self._posterior: Step = at_precision(channels_last(posterior_graph), self.precision)
        self._prior: Step = trace_step(prior, model, (z, noise), training_decompositions())
        if not compiled:
            return
        parameters = parameters_of(model)
        try:
            with tensor_float32(self.precision == "tf32"):  # a captured graph keeps the precision of its capture
                self._posterior = compile_step(self._posterior, (parameters, z, image, noise))
                self._prior = compile_step(self._prior, (parameters, z, noise))
                if device.type == "cuda":
                    posterior_inputs = parameters, z, image, noise
                    self._posterior = CapturedChain(self._posterior, posterior_inputs, train.posterior_steps)
                    self._prior = CapturedChain(self._prior, (parameters, z, noise), train.prior_steps)
        except Exception as error:  # noqa: BLE001 - whatever fails in the compiler, training works without it
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            self.notes.append(f"training without the compiler, slower: {reason}")

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
            return self._run(self._posterior, z, (image,), noise)

    @torch.no_grad()
    def prior(self, z: Tensor, noise: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
        """Runs a prior chain: as ``posterior``, but returns the energy instead of the log-posterior."""
        with tensor_float32(self.precision == "tf32"):
            return self._run(self._prior, z, (), noise)

    def _run(self, step: Step, z: Tensor, rest: tuple[Tensor, ...], noise: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
        if isinstance(step, CapturedChain):
            return step(z, rest, list(noise))
        parameters, value = parameters_of(self.model), z.new_zeros(len(z))
        for drawn in noise:
            z, value = step(parameters, z, *rest, drawn)
        return z, value


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
