"""Checkpoints of version 1 are read: by another format name, with pictures where images are meant."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from drc_train.config import Config, load_config
from drc_train.learner.em import Learner
from drc_train.training.checkpoint import load_chains, load_model, read_state, restore, save_checkpoint
from drc_train.training.record import STATE_FILE, Best, RunningMean, RunRecord

CPU = torch.device("cpu")
# an old run to check by hand; nothing in the repository depends on it
OLD_RUN = Path(os.environ.get("DRC_OLD_RUN", "absent"))


@pytest.fixture
def camera(tiny_overrides: list[str]) -> Config:
    return load_config("static-camera", [*tiny_overrides, "train.averaging=0.75"])


def make_old(run: Path) -> None:
    """Rewrites a run's only checkpoint as version 1 had it."""
    (path,) = run.glob("*.safetensors")
    tensors = {name.replace("background_image", "background_picture"): it for name, it in load_file(path).items()}
    tensors["chains.order"] = tensors["chains.order"].flatten()
    values = json.loads((run / STATE_FILE).read_text())
    model = values["config"]["model"]
    model["background_picture"] = model.pop("background_image")
    values["about"]["pictures"] = values["about"].pop("images")
    del values["version"], values["drc"]
    text = json.dumps(values | {"format": "drc-checkpoint-1"})
    save_file(tensors, path, {"state": text})
    (run / STATE_FILE).write_text(text)


def test_an_old_run_is_loaded_and_continues(camera: Config, tiny_images: torch.Tensor, tmp_path: Path) -> None:
    whole = Learner(camera, tiny_images, CPU, compiled=False)
    whole.step()
    about = RunRecord("clip.avi", "static-camera", 10, "f00d", 61.5, RunningMean(-3.5, 0.25), Best(-14.0, 1))
    save_checkpoint(tmp_path, whole, about)
    expected = dict(load_model(tmp_path)[0].named_parameters())
    make_old(tmp_path)
    assert "background_picture" in (tmp_path / STATE_FILE).read_text()

    model, config, state = load_model(tmp_path)
    assert config.model.background_image and state.about == about
    assert dict(model.named_parameters()).keys() == expected.keys()
    assert all(torch.equal(parameter, expected[name]) for name, parameter in model.named_parameters())
    assert torch.equal(load_chains(tmp_path), whole.chains.posterior)
    (path,) = tmp_path.glob("*.safetensors")
    assert read_state(path) == state, "the file's own header likewise"

    resumed = Learner(camera, tiny_images, CPU, compiled=False)
    assert restore(tmp_path, resumed, pytest.fail) == about
    for _ in range(3):
        assert resumed.step() == whole.step()


def test_a_record_with_few_entries_is_enough(camera: Config, tiny_images: torch.Tensor, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, Learner(camera, tiny_images, CPU, compiled=False), RunRecord("x", "y", 10))
    make_old(tmp_path)
    values = json.loads((tmp_path / STATE_FILE).read_text()) | {"about": {"source": "clip.avi", "curve": []}}
    (tmp_path / STATE_FILE).write_text(json.dumps(values))
    assert read_state(tmp_path).about == RunRecord("clip.avi", "", 0)


@pytest.mark.skipif(not OLD_RUN.is_dir(), reason="DRC_OLD_RUN names no run")
def test_a_run_that_an_earlier_version_left() -> None:
    _, config, state = load_model(OLD_RUN)
    assert state.iteration > 0 and state.about.source
    assert load_chains(OLD_RUN).shape == (state.about.images * config.train.sides, config.model.latent.total)
