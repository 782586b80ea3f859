"""The state of a learner as named tensors, and the checks before any of them is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from drc_runtime.errors import TrainingError


@dataclass(frozen=True)
class LearnerState:
    """Everything that decides the numbers of the next iteration."""

    tensors: dict[str, Tensor]
    """Weights, optimisers, moving average, chains and random states by name, such as ``model.foreground.head.weight``."""
    iteration: int
    """Iterations so far."""
    position: int
    """Images of the present round that each block has visited."""
    sides: int
    """Chains of each image: 2 where the learner also visits it mirrored."""

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with ``prefix`` and a dot, without both."""
        start = f"{prefix}."
        return {name.removeprefix(start): it for name, it in self.tensors.items() if name.startswith(start)}

    def one(self, name: str) -> Tensor:
        """A tensor by its whole name.

        Raises:
            TrainingError: there is none.
        """
        if name not in self.tensors:
            raise TrainingError(f"the checkpoint is damaged: {name} is missing")
        return self.tensors[name]


def check_tensors(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], kind: str) -> None:
    """Compares names, shapes and types.

    Args:
        found: what was read.
        expected: tensors of the right shapes and types; their values do not matter.
        kind: the subject of the message, such as ``the weights``.

    Raises:
        TrainingError: they differ; names the first difference.
    """
    problem = None
    for name, tensor in expected.items():
        if name not in found:
            problem = f"{name} is missing"
        elif found[name].shape != tensor.shape or found[name].dtype != tensor.dtype:
            problem = f"{name} is {_describe(found[name])}, expected {_describe(tensor)}"
        if problem:
            break
    else:
        problem = next((f"{name} is not part of them" for name in found if name not in expected), None)
    if problem:
        raise TrainingError(f"{kind} do not fit the configured networks: {problem}")


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of an optimiser by ``INDEX.KEY``, where INDEX counts its parameters."""
    states = optimiser.state_dict()["state"]
    return {f"{index}.{key}": value for index, state in states.items() for key, value in state.items()}


def check_adam(tensors: Mapping[str, Tensor], optimiser: torch.optim.Adam) -> None:
    """Checks that the ``optimiser_tensors`` fit an Adam optimiser.

    Parameters may have no state: Adam makes it with a parameter's first gradient.

    Raises:
        TrainingError: an unknown parameter, or a state of another shape or type.
    """
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    stepped = {name.partition(".")[0] for name in tensors}
    expected: dict[str, Tensor] = {}
    for index, parameter in enumerate(parameters):
        if str(index) in stepped:
            expected[f"{index}.step"] = torch.zeros(())
            expected |= {f"{index}.{key}": parameter for key in ("exp_avg", "exp_avg_sq")}
    check_tensors(tensors, expected, "the optimiser's moments")


def check_random_state(state: Tensor, generator: torch.Generator) -> None:
    """Checks that a generator of this kind takes a state; ``generator`` itself stays as it is.

    Raises:
        TrainingError: it does not.
    """
    check_tensors({"random": state}, {"random": generator.get_state()}, "the random states")
    try:
        torch.Generator(generator.device).set_state(state)
    except RuntimeError as error:
        raise TrainingError("the checkpoint is damaged: a random state is none of PyTorch's") from error


def load_optimiser(tensors: Mapping[str, Tensor], optimiser: torch.optim.Optimizer) -> None:
    """Loads ``optimiser_tensors``; learning rates and the rest of the settings stay as they are."""
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        states.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({"state": states, "param_groups": optimiser.state_dict()["param_groups"]})


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
