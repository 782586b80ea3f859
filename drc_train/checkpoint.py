"""Checkpoints: tensors as safetensors, everything else as JSON, both atomic, the JSON last because it names the tensors' file.

A resumed run continues with the same numbers as one that was never interrupted.
"""

import json
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load, save
from torch import Tensor

from drc_runtime.atomic import atomic_write
from drc_runtime.errors import ConfigError, TrainingError
from drc_train.config import Config, parse_config
from drc_train.em import Learner
from drc_train.model import RegionModel

STATE_FILE = "checkpoint.json"
FORMAT = "drc-checkpoint-1"


def save_checkpoint(folder: Path, learner: Learner, about: dict[str, Any]) -> None:
    """Writes the learner's whole state; the previous checkpoint stays valid until the new one is complete.

    Args:
        folder: the run's folder.
        learner: what to save.
        about: JSON values to keep beside it (data source, fingerprint, seconds spent).

    Raises:
        OutputError: the disk refuses the files.
    """
    tensors = {f"model.{name}": tensor for name, tensor in learner.model.state_dict().items()}
    for name, optimiser in _optimisers(learner).items():
        for index, state in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}.{index}.{key}": value for key, value in state.items()}
    if learner.average:
        tensors |= {f"average.{name}": tensor for name, tensor in learner.average.state_dict().items()}
    tensors |= {"chains.posterior": learner.chains.posterior, "chains.prior": learner.chains.prior}
    tensors |= {
        "chains.order": learner.chains.order,
        "random": learner.random.get_state(),
        "noise": learner.noise.get_state(),
    }
    file = f"checkpoint-{learner.iteration:08d}.safetensors"
    atomic_write(folder / file, save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}))
    state = {
        "format": FORMAT,
        "tensors": file,
        "iteration": learner.iteration,
        "position": learner.chains.position,
        "config": learner.config.model_dump(mode="json"),
        "about": about,
    }
    atomic_write(folder / STATE_FILE, json.dumps(state, indent=1).encode())
    for old in folder.glob("checkpoint-*.safetensors"):
        if old.name != file:
            old.unlink(missing_ok=True)


def read_state(folder: Path) -> dict[str, Any]:
    """The JSON part of a run's checkpoint.

    Raises:
        TrainingError: there is none, or it is damaged or of another format.
    """
    path = folder / STATE_FILE
    try:
        state = json.loads(path.read_text())
    except OSError as error:
        raise TrainingError(
            f"{folder} holds no checkpoint ({STATE_FILE}); give the --out folder of drc train"
        ) from error
    except ValueError as error:
        raise TrainingError(f"{path} is damaged: {error}") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise TrainingError(f"{path} is not a checkpoint of this version ({FORMAT})")
    missing = {"tensors", "iteration", "position", "config", "about"} - state.keys()
    if missing:
        raise TrainingError(f"{path} is damaged: {', '.join(sorted(missing))} missing")
    return state


def load_model(folder: Path) -> tuple[RegionModel, Config, dict[str, Any]]:
    """The trained networks of a run (their moving average where it keeps one), its configuration, and the checkpoint's JSON.

    Raises:
        TrainingError: no checkpoint, or a damaged one.
    """
    state = read_state(folder)
    try:
        config = parse_config(state["config"], str(folder / STATE_FILE))
    except ConfigError as error:
        raise TrainingError(str(error)) from error
    model, tensors = RegionModel(config.model), _tensors(folder, state)
    if config.train.averaging:
        tensors = {
            name.replace("average.module.", "model."): tensor
            for name, tensor in tensors.items()
            if name.startswith("average.module.")
        }
    _load_model(model, tensors, folder)
    return model.eval(), config, state


def load_chains(folder: Path) -> Tensor:
    """Where a run's posterior chains stand: ``(N, D)``, one for each picture in the source's order.

    Raises:
        TrainingError: no checkpoint, or a damaged one.
    """
    return _tensors(folder, read_state(folder))["chains.posterior"]


def restore(folder: Path, learner: Learner) -> dict[str, Any]:
    """Puts a run's checkpoint into ``learner`` and returns its ``about``.

    Raises:
        TrainingError: no checkpoint, a damaged one, or one of other networks or another number of pictures.
    """
    state = read_state(folder)
    tensors = _tensors(folder, state)
    if tensors["chains.posterior"].shape != learner.chains.posterior.shape:
        raise TrainingError(
            f"{folder} has chains for {len(tensors['chains.posterior'])} pictures, but the source has "
            f"{len(learner.chains.posterior)}: the data changed; start anew in another --out"
        )
    _load_model(learner.model, tensors, folder)
    for name, optimiser in _optimisers(learner).items():
        packed = optimiser.state_dict()
        states: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith(f"{name}."):
                _, index, field = key.split(".")
                states.setdefault(int(index), {})[field] = tensor
        optimiser.load_state_dict({"state": states, "param_groups": packed["param_groups"]})
    if learner.average:
        learner.average.load_state_dict(
            {name.removeprefix("average."): tensor for name, tensor in tensors.items() if name.startswith("average.")}
        )
    learner.chains.posterior, learner.chains.prior = tensors["chains.posterior"], tensors["chains.prior"]
    learner.chains.order, learner.chains.position = tensors["chains.order"], state["position"]
    learner.random.set_state(tensors["random"])
    learner.noise.set_state(tensors["noise"])
    learner.iteration = state["iteration"]
    return dict(state["about"])


def _optimisers(learner: Learner) -> dict[str, torch.optim.Optimizer]:
    return {"generator_optimiser": learner.generator_optimiser, "energy_optimiser": learner.energy_optimiser}


def _tensors(folder: Path, state: dict[str, Any]) -> dict[str, Tensor]:
    path = folder / Path(str(state["tensors"])).name
    try:
        return load(path.read_bytes())
    except (OSError, safetensors.SafetensorError) as error:
        raise TrainingError(f"{path} is missing or damaged: {error}") from error


def _load_model(model: RegionModel, tensors: dict[str, Tensor], folder: Path) -> None:
    weights = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise TrainingError(f"{folder}: the weights do not fit the configured networks") from error
