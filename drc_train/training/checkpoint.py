"""Checkpoints: a safetensors file each, with everything that is not a tensor as JSON in its header, written whole or not at all.

``checkpoint.json`` repeats the newest one's JSON and is written after it, so that it always names a file that is complete. The
newest ``KEPT`` stay, and ``best.safetensors`` is the best of them all (``drc_train.training.monitors.Score``). A resumed run continues
with the same numbers as one that was never interrupted.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load, save
from torch import Tensor

from drc_runtime.atomic import atomic_path, atomic_write
from drc_runtime.errors import ConfigError, OutputError, TrainingError
from drc_train.config import Config, parse_config
from drc_train.learner.em import Learner
from drc_train.model.regions import RegionModel

STATE_FILE = "checkpoint.json"
BEST_FILE = "best.safetensors"
PATTERN = "checkpoint-*.safetensors"
FORMAT = "drc-checkpoint-1"
KEPT = 3
"""Checkpoints that stay beside the best: where the newest is damaged or has collapsed, an older one is at hand."""


def save_checkpoint(folder: Path, learner: Learner, about: dict[str, Any], best: bool = False) -> None:
    """Writes the learner's whole state; the checkpoints before it stay valid until the new one is complete.

    Of several processes all have to call it, and the first one writes.

    On a full disk all but the newest and the best make room for it.

    Args:
        folder: the run's folder.
        learner: what to save.
        about: JSON values to keep beside it (data source, fingerprint, seconds spent).
        best: keep this one as the best, too.

    Raises:
        OutputError: the disk refuses the files; what was there is still there.
    """
    tensors = {f"model.{name}": tensor for name, tensor in learner.model.state_dict().items()}
    for name, optimiser in _optimisers(learner).items():
        for index, state in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}.{index}.{key}": value for key, value in state.items()}
    if learner.average:
        tensors |= {f"average.{name}": tensor for name, tensor in learner.average.state_dict().items()}
    posterior, prior = learner.chains.gathered()
    if learner.processes.rank:
        return
    tensors |= {
        "chains.posterior": posterior,
        "chains.prior": prior,
        "chains.order": learner.chains.order,
        "random": learner.random.get_state(),
        "noise": learner.noise.get_state(),
    }
    file = f"checkpoint-{learner.iteration:08d}.safetensors"
    state = {
        "format": FORMAT,
        "tensors": file,
        "iteration": learner.iteration,
        "position": learner.chains.position,
        "config": learner.config.model_dump(mode="json"),
        "about": about,
    }
    text = json.dumps(state, indent=1)
    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, {"state": text})
    try:
        atomic_write(folder / file, data)
    except OutputError:
        if not _prune(folder, 1):
            raise
        atomic_write(folder / file, data)
    atomic_write(folder / STATE_FILE, text.encode())
    if best:
        _keep_as_best(folder / file)
    _prune(folder, KEPT)


def _keep_as_best(path: Path) -> None:
    with atomic_path(path.with_name(BEST_FILE)) as temporary:
        temporary.unlink()
        try:
            os.link(path, temporary)
        except OSError:  # a file system without links
            shutil.copyfile(path, temporary)


def _prune(folder: Path, kept: int) -> int:
    """Removes all but the newest ``kept`` and the one that ``checkpoint.json`` names, and says how many those were."""
    try:
        named = read_state(folder)["tensors"]
    except TrainingError:
        named = None
    old = [path for path in sorted(folder.glob(PATTERN))[:-kept] if path.name != named]
    old += folder.glob(".*.part.safetensors")  # what a process that was killed while saving left behind
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def read_state(run: Path) -> dict[str, Any]:
    """The JSON part of a run's newest checkpoint, or of one of its ``.safetensors`` files.

    Raises:
        TrainingError: there is none, or it is damaged or of another format.
    """
    path = run if run.suffix == ".safetensors" else run / STATE_FILE
    try:
        if path == run:
            with safetensors.safe_open(path, "pt") as file:
                state = json.loads((file.metadata() or {}).get("state", "null"))
        else:
            state = json.loads(path.read_text())
    except OSError as error:
        raise TrainingError(f"{run} holds no checkpoint ({STATE_FILE}); give the --out folder of drc train") from error
    except (ValueError, safetensors.SafetensorError) as error:
        raise TrainingError(f"{path} is damaged: {error}") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise TrainingError(f"{path} is not a checkpoint of this version ({FORMAT})")
    missing = {"tensors", "iteration", "position", "config", "about"} - state.keys()
    if missing:
        raise TrainingError(f"{path} is damaged: {', '.join(sorted(missing))} missing")
    return state


def load_model(run: Path) -> tuple[RegionModel, Config, dict[str, Any]]:
    """The trained networks of a run (their moving average where it keeps one), its configuration, and the checkpoint's JSON.

    ``run`` is a run's folder, of which the newest checkpoint is taken, or one of the ``.safetensors`` files in it.

    Raises:
        TrainingError: no checkpoint, or a damaged one.
    """
    state = read_state(run)
    try:
        config = parse_config(state["config"], str(run))
    except ConfigError as error:
        raise TrainingError(str(error)) from error
    model, tensors = RegionModel(config.model), _tensors(run, state)
    if config.train.averaging:
        tensors = {
            name.replace("average.module.", "model."): tensor
            for name, tensor in tensors.items()
            if name.startswith("average.module.")
        }
    _load_model(model, tensors, run)
    return model.eval(), config, state


def load_chains(folder: Path) -> Tensor:
    """Where a run's posterior chains stand: ``(N, D)``, one for each image in the source's order.

    Raises:
        TrainingError: no checkpoint, or a damaged one.
    """
    return _tensors(folder, read_state(folder))["chains.posterior"]


def restore(folder: Path, learner: Learner, notice: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Puts a run's newest checkpoint that can be read into ``learner`` and returns its ``about``.

    ``notice`` gets a line if that is not the last one written.

    The learner may have more images than the run had: the chains of those that were added start from noise.

    Raises:
        TrainingError: no checkpoint, a damaged one, or one of other networks or more images.
        ConfigError: its configuration is none of this version's.
    """
    state, tensors = _newest(folder, notice)
    sides_before, sides = parse_config(state["config"], str(folder)).train.sides, learner.config.train.sides
    earlier, now = len(tensors["chains.posterior"]) // sides_before, learner.chains.images // sides
    if earlier > now or tensors["chains.posterior"].shape[1:] != learner.chains.posterior.shape[1:]:
        raise TrainingError(
            f"{folder} has chains for {earlier} images, but the source has {now}: the data changed; start anew in another "
            "--out"
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
    order = tensors["chains.order"].reshape(-1, tensors["chains.order"].shape[-1])
    chains = tensors["chains.posterior"], tensors["chains.prior"]
    if not learner.chains.restore(*chains, order, state["position"], sides_before, sides):
        notice(
            f"{folder} has other images or another number of processes than before: a new round over the images begins"
        )
    learner.random.set_state(tensors["random"])
    learner.noise.set_state(tensors["noise"])
    learner.iteration = state["iteration"]
    return dict(state["about"])


def _optimisers(learner: Learner) -> dict[str, torch.optim.Optimizer]:
    return {"generator_optimiser": learner.generator_optimiser, "energy_optimiser": learner.energy_optimiser}


def _newest(folder: Path, notice: Callable[[str], None]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        state = read_state(folder)
        return state, _tensors(folder, state)
    except TrainingError as error:
        for path in sorted(folder.glob(PATTERN), reverse=True):
            try:
                state = read_state(path)
                tensors = _tensors(path, state)
            except TrainingError:
                continue
            notice(f"{error}; going on from {path.name}")
            return state, tensors
        raise


def _tensors(run: Path, state: dict[str, Any]) -> dict[str, Tensor]:
    path = run if run.suffix == ".safetensors" else run / Path(str(state["tensors"])).name
    try:
        return load(path.read_bytes())
    except (OSError, safetensors.SafetensorError) as error:
        older = [other.name for other in sorted(path.parent.glob("*.safetensors")) if other != path]
        way_out = f" (there are: {', '.join(older)})" if older else ""
        raise TrainingError(f"{path} is missing or damaged: {error}{way_out}") from error


def _load_model(model: RegionModel, tensors: dict[str, Tensor], folder: Path) -> None:
    weights = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise TrainingError(f"{folder}: the weights do not fit the configured networks") from error
