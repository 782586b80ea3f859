"""The M-step's gradient as an explicit function, traced and compiled like the E-step's."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from drc_train.config import Config, TrainConfig
from drc_train.model.objective import m_step_loss
from drc_train.model.regions import RegionModel
from drc_train.sampling.graph_passes import channels_last
from drc_train.sampling.sampler import Step, compile_step, step_example
from drc_train.sampling.tracing import Parameters, parameters_of

M_STEP = "m_step"
"""Name of this step beside those of ``drc_train.sampling.sampler.E_STEP``."""
COMPILED_FROM = 200
"""First iteration with the gradient compiled in this process: in shorter runs compiling takes longer than it saves."""


class GeneratorGradient:
    """Gradients of ``m_step_loss`` with respect to the generators' parameters."""

    def __init__(self, model: RegionModel, train: TrainConfig, compiled: bool) -> None:
        """Prepares nothing yet.

        Args:
            model: its parameters get the gradients.
            train: weights and sigma of the loss.
            compiled: compile at iteration ``COMPILED_FROM``, while learning waits. False uses autograd, until ``use`` gives
                another step. So does a sigma that changes during training, because each value would be
                another function to compile.
        """
        self.model, self.train, self.notes = model, train, list[str]()
        self._names = list(model.generator_parameters())
        self._parts: list[str] = []
        self._step: Step | None = None
        self._to_compile = compiled and train.final_m_step_sigma is None

    def __call__(self, z: Tensor, image: Tensor, iteration: int) -> dict[str, Tensor]:
        """Sets the parameters' gradients and returns the loss's parts by name.

        Args:
            z: ``(B, D)`` posterior samples, B the same in every call.
            image: ``(B, 3, H, W)`` in [-1, 1].
            iteration: counted from 0; decides sigma.
        """
        if self._to_compile and iteration >= COMPILED_FROM:
            self._compile(z, image)
        parameters = dict(self.model.named_parameters())
        if self._step is None:
            for name in self._names:
                parameters[name].grad = None
            loss, parts = m_step_loss(self.model, z, image, self.train, self.train.m_step_sigma_at(iteration))
            loss.backward()
            return parts
        with torch.no_grad():
            found = self._step(parameters_of(self.model), z, image)
        for name, gradient in zip(self._names, found, strict=False):
            # the fused optimiser expects the parameter's memory order
            parameters[name].grad = gradient.contiguous()
        return dict(zip(self._parts, found[len(self._names) :], strict=True))

    def use(self, step: Step, parts: Sequence[str]) -> None:
        """Computes the gradients by ``step`` from here on.

        Args:
            step: a compiled ``training_graph``.
            parts: the names of the loss's parts, which it returns after the gradients.
        """
        self._step, self._parts = step, list(parts)

    def training_graph(self, config: Config, batch: int) -> tuple[GraphModule, tuple[Any, ...], list[str]]:
        """The gradient as a graph.

        Args:
            config: of the run.
            batch: B.

        Returns:
            The graph, inputs of its shapes, and the names of the loss's parts, which it returns after the gradients.
        """
        example = step_example(M_STEP, self.model, config, batch, next(self.model.parameters()).device)
        parameters, z, image = example
        return self._traced(parameters, z, image), example, self._parts

    def _traced(self, parameters: Parameters, z: Tensor, image: Tensor) -> GraphModule:
        traced = make_fx(lambda parameters, z, image: self._explicit(parameters, z, image))
        return channels_last(traced(parameters, z, image))

    def _compile(self, z: Tensor, image: Tensor) -> None:
        self._to_compile, parameters = False, parameters_of(self.model)
        try:
            self._step = compile_step(self._traced(parameters, z, image), (parameters, z, image))
        except Exception as error:  # noqa: BLE001 - whatever fails in the compiler, training works without it
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            self.notes.append(f"M-step without the compiler, slower: {reason}")

    def _explicit(self, parameters: Parameters, z: Tensor, image: Tensor) -> tuple[Tensor, ...]:
        with torch.enable_grad():
            moved = {name: parameters[name].detach().requires_grad_() for name in self._names}
            bound = {f"model.{name}": tensor for name, tensor in (parameters | moved).items()}
            loss, parts = functional_call(_Loss(self.model, self.train), bound, (z, image))
            gradients = torch.autograd.grad(loss, list(moved.values()), allow_unused=True, materialize_grads=True)
        self._parts = list(parts)
        return (*gradients, *parts.values())


class _Loss(torch.nn.Module):
    def __init__(self, model: RegionModel, train: TrainConfig) -> None:
        super().__init__()
        self.model, self.train_config = model, train

    def forward(self, z: Tensor, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return m_step_loss(self.model, z, image, self.train_config, self.train_config.m_step_sigma)
