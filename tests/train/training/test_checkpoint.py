"""Checkpoint files: which are kept, that each is whole, and what happens if one is damaged."""

import json
import os
import random
import resource
import signal
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from drc_runtime.errors import OutputError, TrainingError
from drc_train.config import Config, load_config
from drc_train.learner.em import Learner
from drc_train.training.checkpoint import load_chains, load_model, read_state, restore, save_checkpoint
from drc_train.training.record import STATE_FILE, VERSION, RunRecord

ABOUT = RunRecord("test", "edge-32", 10, seconds=1.0)


@pytest.fixture
def learner(tiny_config: Config, tiny_images: torch.Tensor) -> Learner:
    return Learner(tiny_config, tiny_images, torch.device("cpu"), compiled=False)


def save_number(folder: Path, learner: Learner, number: int) -> None:
    """A checkpoint in which the tensors and the JSON say the same number."""
    learner.iteration = number
    learner.chains.posterior.fill_(number)
    save_checkpoint(folder, learner, ABOUT)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_three_and_the_best_stay(learner: Learner, tmp_path: Path) -> None:
    learner.step()
    save_checkpoint(tmp_path, learner, ABOUT, best=True)
    for number in range(2, 7):
        save_number(tmp_path, learner, number)
    kept = [f"checkpoint-{number:08d}.safetensors" for number in (4, 5, 6)]
    assert names(tmp_path) == ["best.safetensors", *kept, "checkpoint.json"]
    assert load_model(tmp_path)[2].iteration == 6
    model, _, state = load_model(tmp_path / "best.safetensors")
    assert state.iteration == 1 and state.about == ABOUT
    z = torch.randn(2, learner.chains.posterior.shape[1])
    torch.testing.assert_close(model(z).foreground, learner.model(z).foreground)


def test_a_kill_at_any_moment_leaves_a_checkpoint_that_loads(learner: Learner, tmp_path: Path) -> None:
    learner.step()
    save_number(tmp_path, learner, 0)
    started = time.monotonic()
    save_number(tmp_path, learner, 1)
    wait = 3 * (time.monotonic() - started)
    moment, last, inside = random.Random(0), 1, 0
    for _ in range(50):
        begun, begin = os.pipe()
        child = os.fork()
        if not child:
            os.write(begin, b"!")
            for number in range(last + 1, last + 1000):
                save_number(tmp_path, learner, number)
            os._exit(0)
        os.read(begun, 1)
        for end in (begun, begin):
            os.close(end)
        time.sleep(moment.uniform(0, wait))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        inside += bool(list(tmp_path.glob(".*.part*")))
        restore(tmp_path, learner, pytest.fail)
        assert learner.iteration >= last, "what was saved once stays saved"
        assert (learner.chains.posterior == learner.iteration).all(), "tensors and JSON belong together"
        # the machine's speed changes: some three saves a kill are wanted
        wait *= 1.5 if learner.iteration < last + 2 else 0.75 if learner.iteration > last + 4 else 1
        last = learner.iteration
    assert last > 1 and inside, "the kills have to come between and within saves"
    save_number(tmp_path, learner, last + 1)
    assert not list(tmp_path.glob(".*.part.safetensors")), "what the kills left behind is cleared away"


def test_a_full_disk_leaves_what_was_there(learner: Learner, tmp_path: Path) -> None:
    learner.step()
    for number in range(1, 4):
        save_number(tmp_path, learner, number)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot write .*checkpoint-00000004"):
            save_number(tmp_path, learner, 4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(tmp_path) == ["checkpoint-00000003.safetensors", "checkpoint.json"], "older ones made room"
    restore(tmp_path, learner)
    assert learner.iteration == 3


def test_a_damaged_checkpoint_gives_way_to_the_one_before_it(learner: Learner, tmp_path: Path) -> None:
    learner.step()
    for number in range(1, 4):
        save_number(tmp_path, learner, number)
    newest = tmp_path / "checkpoint-00000003.safetensors"
    newest.write_bytes(newest.read_bytes()[:-50])
    with pytest.raises(TrainingError, match=r"damaged.*\(there are: .*checkpoint-00000002.safetensors"):
        load_model(tmp_path)
    said: list[str] = []
    restore(tmp_path, learner, said.append)
    assert learner.iteration == 2 and "going on from checkpoint-00000002" in said[0]
    assert read_state(tmp_path / "checkpoint-00000002.safetensors").iteration == 2
    (tmp_path / "checkpoint.json").unlink()
    restore(tmp_path, learner)
    assert learner.iteration == 2, "the pointer alone is no loss either"


def test_a_saved_run_is_restored_whole(learner: Learner, tiny_images: torch.Tensor, tmp_path: Path) -> None:
    learner.step()
    save_checkpoint(tmp_path, learner, ABOUT)
    other = Learner(learner.config, tiny_images, torch.device("cpu"), compiled=False)
    assert restore(tmp_path, other, pytest.fail) == ABOUT
    assert other.step() == learner.step()
    assert load_chains(tmp_path).shape == (10, learner.config.model.latent.total)


def test_the_newest_checkpoint_of_a_newer_version_is_not_passed_over(learner: Learner, tmp_path: Path) -> None:
    for number in (1, 2):
        save_number(tmp_path, learner, number)
    values = json.loads((tmp_path / STATE_FILE).read_text()) | {"version": VERSION + 1, "drc": "9.0.0"}
    (tmp_path / STATE_FILE).write_text(json.dumps(values))
    for use in (load_model, read_state, lambda run: restore(run, learner)):
        with pytest.raises(TrainingError, match=r"written by drc 9\.0\.0") as caught:
            use(tmp_path)
        assert "\n" not in str(caught.value)


def test_an_optimiser_of_other_shapes_is_one_line_and_changes_nothing(learner: Learner, tmp_path: Path) -> None:
    learner.step()
    save_checkpoint(tmp_path, learner, ABOUT)
    (path,) = tmp_path.glob("*.safetensors")
    tensors = load_file(path)
    tensors["generator_optimiser.0.exp_avg"] = torch.zeros(3)
    save_file(tensors, path)
    weight = learner.model.foreground.head.weight
    with torch.no_grad():
        weight.fill_(7)
    with pytest.raises(TrainingError, match=r"optimiser's moments do not fit .*0.exp_avg is float32 \(3,\)") as caught:
        restore(tmp_path, learner)
    assert str(caught.value).startswith(f"{tmp_path}: ") and "\n" not in str(caught.value)
    assert (weight == 7).all()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("no folder", "holds no checkpoint"),
        ("truncated json", "damaged"),
        ("other format", "not a checkpoint of drc train"),
        ("missing key", "config: Field required"),
        ("truncated tensors", "missing or damaged"),
        ("tensors of another model", "do not fit"),
    ],
)
def test_a_damaged_checkpoint_is_one_line(damage: str, message: str, learner: Learner, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, learner, ABOUT)
    state_file, tensors = tmp_path / STATE_FILE, next(tmp_path.glob("*.safetensors"))
    state = json.loads(state_file.read_text())
    if damage == "no folder":
        state_file.unlink()
    elif damage == "truncated json":
        state_file.write_text(state_file.read_text()[:-20])
    elif damage == "other format":
        state_file.write_text(json.dumps(state | {"format": "drc-checkpoint-0"}))
    elif damage == "missing key":
        state_file.write_text(json.dumps({key: value for key, value in state.items() if key != "config"}))
    elif damage == "truncated tensors":
        tensors.write_bytes(tensors.read_bytes()[:-100])
    else:
        state["config"]["model"]["latent"]["foreground"] += 1
        state_file.write_text(json.dumps(state))
    with pytest.raises(TrainingError, match=message) as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


def test_fewer_images_are_refused(learner: Learner, tiny_images: torch.Tensor, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, learner, ABOUT)
    fewer = Learner(learner.config, tiny_images[:8], torch.device("cpu"), compiled=False)
    with pytest.raises(TrainingError, match="the data changed"):
        restore(tmp_path, fewer)


def test_the_moving_average_is_loaded_where_a_run_keeps_one(
    tiny_overrides: list[str], tiny_images: torch.Tensor, tmp_path: Path
) -> None:
    config = load_config("edge-32", [*tiny_overrides, "train.averaging=0.75"])
    averaging = Learner(config, tiny_images, torch.device("cpu"), compiled=False)
    weight = averaging.model.foreground.head.weight
    averaging.step()
    first = weight.detach().clone()
    averaging.step()
    save_checkpoint(tmp_path, averaging, ABOUT)
    loaded, _, _ = load_model(tmp_path)
    torch.testing.assert_close(loaded.foreground.head.weight.detach(), 0.75 * first + 0.25 * weight.detach())
