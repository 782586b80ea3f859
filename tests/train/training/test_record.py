"""The JSON part of a checkpoint."""

import json
from pathlib import Path

import pytest

from drc_runtime import __version__
from drc_runtime.errors import TrainingError
from drc_train.config import Config
from drc_train.training.record import VERSION, Best, NewerVersionError, RunningMean, RunRecord, RunState


@pytest.fixture
def state(tiny_config: Config) -> RunState:
    about = RunRecord("clip.mp4", "edge-32", 10, "f00d", 61.5, RunningMean(-3.5, 0.25), Best(-14.0, 7))
    return RunState("checkpoint-00000007.safetensors", 7, 4, tiny_config, about)


def test_a_state_is_read_as_it_was_written(state: RunState) -> None:
    assert RunState.from_json(state.to_json(), "run") == state
    values = json.loads(state.to_json())
    assert (values["version"], values["drc"]) == (VERSION, __version__)


def test_a_newer_version_says_who_wrote_it(state: RunState) -> None:
    values = json.loads(state.to_json()) | {"version": VERSION + 1, "drc": "7.1.0", "surprise": {}}
    with pytest.raises(NewerVersionError, match=r"written by drc 7\.1\.0 .*this|drc 7\.1\.0") as caught:
        RunState.from_json(json.dumps(values), "run/checkpoint.json")
    message = str(caught.value)
    assert message.startswith("run/checkpoint.json was written by drc 7.1.0 (checkpoint version 3)")
    assert message.endswith(f"drc {__version__} reads up to version {VERSION}: update drc") and "\n" not in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": None}, "run is damaged: config: "),
        ({"iteration": "many"}, "run is damaged: iteration: "),
        ({"about": {"source": "x", "preset": "y"}}, "run is damaged: about.images: Field required"),
        ({"format": "other"}, "run is not a checkpoint of drc train"),
        ({"version": "new"}, "run is not a checkpoint of drc train"),
    ],
)
def test_damage_is_named_in_one_line(state: RunState, changes: dict[str, object], message: str) -> None:
    with pytest.raises(TrainingError) as caught:
        RunState.from_json(json.dumps(json.loads(state.to_json()) | changes), "run")
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["null", "[]", "3", '"text"', "{", ""])
def test_what_is_no_state_is_a_training_error(text: str) -> None:
    with pytest.raises(TrainingError, match="damaged|not a checkpoint"):
        RunState.from_json(text, "run")


def test_a_missing_section_of_the_configuration_is_named(state: RunState, tmp_path: Path) -> None:
    values = json.loads(state.to_json())
    del values["config"]["model"]["latent"]["foreground"]
    with pytest.raises(TrainingError, match=r"config\.model\.latent\.foreground: Field required"):
        RunState.from_json(json.dumps(values), "run")
