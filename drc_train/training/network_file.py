"""A network that a run keeps beside its checkpoints, in a safetensors file of its own: its initialiser, its student."""

from pathlib import Path

import safetensors
from safetensors.torch import load, save
from torch import nn

from drc_runtime.atomic import atomic_write
from drc_runtime.errors import TrainingError
from drc_train.learner.state import check_tensors


def save_network(path: Path, network: nn.Module, mark: str, iteration: int) -> None:
    """Writes the weights; an earlier file stays until the new one is complete.

    Args:
        path: of the file.
        network: on any device.
        mark: key in the file's header by which it is recognised.
        iteration: of the run, the key's value.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    atomic_write(path, save(tensors, {mark: str(iteration)}))


def is_network(path: Path, mark: str) -> bool:
    """Whether drc wrote the file with this mark; a damaged one is none."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            return mark in (file.metadata() or {})
    except (OSError, safetensors.SafetensorError):
        return False


def load_into(network: nn.Module, path: Path, what: str) -> None:
    """Reads the weights of a file into a network, which is then in evaluation mode.

    Args:
        network: of the same tensors.
        path: of the file.
        what: the network's name in a message.

    Raises:
        TrainingError: the file is damaged, or belongs to another network.
    """
    try:
        tensors = load(path.read_bytes())
        check_tensors(tensors, network.state_dict(), what)
    except (OSError, safetensors.SafetensorError, TrainingError) as error:
        raise TrainingError(f"{path} is damaged or of other networks: {error}; remove it to go on without") from error
    network.load_state_dict(tensors)
    network.eval()
