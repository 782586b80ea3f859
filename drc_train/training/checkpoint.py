"""Checkpoints: a safetensors file each, with the run's state as JSON in its header, written whole or not at all.

``checkpoint.json`` repeats the newest checkpoint's state. It is written after the tensors, so it always names a complete file.
The newest ``KEPT`` stay, and ``best.safetensors`` is the one with the highest score. A resumed run continues with the same
numbers as an uninterrupted one.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import safetensors
from safetensors.torch import load, save
from torch import Tensor

from drc_runtime.atomic import atomic_path, atomic_write
from drc_runtime.bundle.manifest import MANIFEST
from drc_runtime.errors import OutputError, TrainingError
from drc_runtime.outputs import remove_own, remove_temporaries
from drc_train.config import Config
from drc_train.learner.em import Learner
from drc_train.learner.state import LearnerState, check_tensors
from drc_train.model.regions import RegionModel
from drc_train.training.initialiser import load_initialiser
from drc_train.training.legacy import translate_tensors
from drc_train.training.record import STATE_FILE, Best, NewerVersionError, RunRecord, RunState
from drc_train.training.student_file import load_student

BEST_FILE = "best.safetensors"
PATTERN = "checkpoint-[0-9]*.safetensors"
KEPT = 3
"""Checkpoints that stay beside the best: if the newest is damaged or has collapsed, an older one can be used."""


def save_checkpoint(folder: Path, learner: Learner, about: RunRecord, best: bool = False) -> None:
    """Writes the learner's whole state. Earlier checkpoints stay valid until the new one is complete.

    A collective: with several processes all must call it, and the first one writes. On a full disk, all checkpoints but the
    newest and the best are removed to make room.

    Args:
        folder: the run's folder.
        learner: what to save.
        about: goes beside the tensors.
        best: also keep this one as the best.

    Raises:
        OutputError: the disk refuses the files; what was there is still there.
    """
    learned = learner.state_dict()
    if not learner.group.is_first:
        return
    file = f"checkpoint-{learned.iteration:08d}.safetensors"
    text = RunState(file, learned.iteration, learned.position, learner.config, about).to_json()
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in learned.tensors.items()}
    data = save(tensors, {"state": text})
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
    """Removes all but the newest ``kept`` and the one that ``checkpoint.json`` names; returns how many it removed."""
    try:
        named = read_state(folder).tensors
    except TrainingError:
        named = None
    old = [path for path in checkpoints(folder)[:-kept] if path.name != named]
    for path in old:
        remove_own(path)
    remove_temporaries(folder)  # left behind by a process that was killed while it saved
    return len(old)


def checkpoints(folder: Path) -> list[Path]:
    """The numbered checkpoints that drc wrote into a run's folder, the oldest first; other files are not among them."""
    return [path for path in sorted(folder.glob(PATTERN)) if is_checkpoint(path)]


def is_checkpoint(path: Path) -> bool:
    """Whether a file is a checkpoint of drc: its tensors, or the JSON that names them. A damaged one is none."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        read_state(path if path.suffix == ".safetensors" else path.parent)
    except NewerVersionError:
        return True
    except TrainingError:
        return False
    return path.suffix == ".safetensors" or path.name == STATE_FILE


def read_state(run: Path) -> RunState:
    """The JSON part of a run's newest checkpoint, or of one of its ``.safetensors`` files.

    Raises:
        TrainingError: there is none, it is damaged, or a newer version of drc wrote it.
    """
    path = run if run.suffix == ".safetensors" else run / STATE_FILE
    try:
        if path == run:
            with safetensors.safe_open(path, "pt") as file:
                text = (file.metadata() or {}).get("state", "null")
        else:
            text = path.read_text()
    except OSError as error:
        if (run / MANIFEST).is_file():
            raise TrainingError(
                f"{run} is a bundle, not a run of drc train; give the run that it was exported from"
            ) from error
        raise TrainingError(f"{run} holds no checkpoint ({STATE_FILE}); give the --out folder of drc train") from error
    except (ValueError, safetensors.SafetensorError) as error:
        raise TrainingError(f"{path} is damaged: {error}") from error
    return RunState.from_json(text, str(path))


def read_run(run: Path) -> RunState:
    """As ``read_state`` of a run's folder; where ``checkpoint.json`` is missing or damaged, of its newest checkpoint.

    Raises:
        TrainingError: there is no checkpoint, or a newer version of drc wrote it.
    """
    try:
        return read_state(run)
    except NewerVersionError:
        raise
    except TrainingError:
        older = _older(run)
        if not older:
            raise
        return read_state(older[0])


def load_model(run: Path) -> tuple[RegionModel, Config, RunState]:
    """The trained networks of a run, its configuration and its state.

    Args:
        run: a run's folder, whose newest checkpoint is read, or one of the ``.safetensors`` files in it.

    Returns:
        The networks in evaluation mode (their moving average if the run keeps one), with the run's initialiser and
        student if it has them; the configuration, the state.

    Raises:
        TrainingError: no checkpoint, a damaged one, or one that a newer version of drc wrote.
    """
    state = read_state(run)
    prefix = "average.module." if state.config.train.averaging else "model."
    tensors = _tensors(run, state)
    weights = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    model = RegionModel(state.config.model)
    try:
        check_tensors(weights, model.state_dict(), "the weights")
    except TrainingError as error:
        raise TrainingError(f"{run}: {error}") from error
    model.load_state_dict(weights)
    folder = run if run.is_dir() else run.parent
    model.initialiser, model.student = load_initialiser(folder, state.config), load_student(folder)
    return model.eval(), state.config, state


def load_chains(run: Path) -> Tensor:
    """The posterior chains of a run: ``(M, D)``, those of the images in the source's order, then those of their mirror images.

    Raises:
        TrainingError: no checkpoint, or a damaged one.
    """
    chains = _tensors(run, read_state(run)).get("chains.posterior")
    if chains is None:
        raise TrainingError(f"{run} is damaged: chains.posterior is missing")
    return chains


def restore(folder: Path, learner: Learner, notice: Callable[[str], None] = lambda line: None) -> RunRecord:
    """Loads a run's newest checkpoint that can be read into ``learner``.

    The learner may have more images than the run had: the chains of the added images start from noise.

    Args:
        folder: the run's folder.
        learner: is changed only if all of the checkpoint fits it.
        notice: called with a line if the checkpoint is not the last one written, or if the next numbers are not those of an
            uninterrupted run.

    Returns:
        The checkpoint's ``about``.

    Raises:
        TrainingError: no checkpoint, a damaged one, or one of other networks or more images.
    """
    state, tensors = _newest(folder, notice)
    sides = state.config.train.sides
    try:
        remarks = learner.load_state_dict(LearnerState(tensors, state.iteration, state.position, sides))
    except TrainingError as error:
        raise TrainingError(f"{folder}: {error}") from error
    for remark in remarks:
        notice(f"{folder}: {remark}")
    return replace(state.about, best=_best(folder, state.about.best))


def _best(folder: Path, best: Best) -> Best:
    """What is known of ``best.safetensors``, which can be better than the checkpoint that the run goes on from knows."""
    path = folder / BEST_FILE
    if not is_checkpoint(path):
        return best
    found = read_state(path).about.best
    return found if found.score is not None and (best.score is None or found.score > best.score) else best


def _newest(folder: Path, notice: Callable[[str], None]) -> tuple[RunState, dict[str, Tensor]]:
    try:
        state = read_state(folder)
        return state, _tensors(folder, state)
    except NewerVersionError:
        raise  # an older checkpoint beside it would lose what was learned since
    except TrainingError as error:
        for path in _older(folder):
            try:
                state = read_state(path)
                tensors = _tensors(path, state)
            except TrainingError:
                continue
            notice(f"{error}; going on from {path.name}")
            return state, tensors
        raise


def _older(folder: Path) -> list[Path]:
    """The checkpoints of a run by which a lost or damaged newest one can be replaced, in the order of choice."""
    best = folder / BEST_FILE
    return [*reversed(checkpoints(folder)), *([best] if is_checkpoint(best) else [])]


def _tensors(run: Path, state: RunState) -> dict[str, Tensor]:
    path = run if run.suffix == ".safetensors" else run / Path(state.tensors).name
    try:
        return translate_tensors(load(path.read_bytes()))
    except (OSError, safetensors.SafetensorError) as error:
        older = [other.name for other in sorted(path.parent.glob("*.safetensors")) if other != path]
        way_out = f" (there are: {', '.join(older)})" if older else ""
        raise TrainingError(f"{path} is missing or damaged: {error}{way_out}") from error
