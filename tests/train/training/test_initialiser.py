"""The initialiser of a run: when it is learned, where it is kept, and what reads it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.errors import TrainingError, UsageError
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.options import Sampling
from drc_train.config import load_config
from drc_train.evaluation.model_masks import load_extractor
from drc_train.training.checkpoint import load_model
from drc_train.training.initialiser import INITIALISER_FILE, is_learned
from drc_train.training.train import Recipe, train


@pytest.fixture
def run(tmp_path: Path, tiny_overrides: list[str], uncompiled: None) -> Path:
    train("tm-dsprites:6", tmp_path / "run", recipe=Recipe("edge-32", tuple(tiny_overrides)), iterations=3)
    return tmp_path / "run"


def test_a_run_has_one_and_chains_begin_there(run: Path) -> None:
    model, config, _ = load_model(run)
    assert model.initialiser is not None
    extractor = load_extractor(run)
    assert extractor.cold.is_learned and extractor.cold.steps == config.sampler.initial_steps == 10
    image = np.random.default_rng(0).uniform(-1, 1, (3, 8, 8)).astype(np.float32)
    with torch.no_grad():
        expected = model.initialiser(torch.from_numpy(image)[None]).numpy()
    np.testing.assert_allclose(extractor.cold.z(image), expected, rtol=1e-6)


def test_a_bundle_gets_it_and_begins_where_the_run_does(run: Path, tmp_path: Path) -> None:
    from drc_export.bundle import export

    export(run, tmp_path / "bundle", verified=False)
    assert "initial_latent" in Bundle.load(tmp_path / "bundle").manifest.graphs
    bundle, image = Extractor(tmp_path / "bundle", threads=1, refine="none"), np.full((8, 8, 3), 90, np.uint8)
    ours, theirs = bundle.extract(image), load_extractor(run).extract(image)
    start = np.random.default_rng(0).uniform(-1, 1, (3, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(bundle.cold.z(start), load_extractor(run).cold.z(start), rtol=1e-4, atol=1e-5)
    assert ours.steps == theirs.steps == 10
    # ten steps of a network of three iterations: rounding may take a kink of the activation the other way
    assert ours.log_posterior == pytest.approx(theirs.log_posterior, rel=0.01)
    # grey levels of a table: rounding decides between neighbouring entries
    assert np.abs(ours.probability.astype(int) - theirs.probability).max() <= 4
    assert Extractor(tmp_path / "bundle", threads=1, sampling=Sampling(from_noise=True)).extract(image).steps == 300


@pytest.mark.parametrize("damaged", [False, True])
def test_resuming_goes_on_with_it_or_replaces_a_damaged_one(run: Path, damaged: bool) -> None:
    before = (run / INITIALISER_FILE).read_bytes()
    if damaged:
        (run / INITIALISER_FILE).write_bytes(before[:100])
    train("tm-dsprites:6", run, resume=True, iterations=4)
    assert (run / INITIALISER_FILE).read_bytes() != before and load_model(run)[0].initialiser is not None


def test_a_file_of_somebody_else_is_not_replaced(run: Path) -> None:
    from safetensors.torch import save_file

    save_file({"weights": torch.zeros(3)}, run / INITIALISER_FILE)
    with pytest.raises(UsageError, match="was not written by drc"):
        train("tm-dsprites:6", run, resume=True, iterations=4)


def test_without_steps_there_is_none(tmp_path: Path, tiny_overrides: list[str], uncompiled: None) -> None:
    recipe = Recipe("edge-32", (*tiny_overrides, "train.initialiser_steps=0"))
    train("tm-dsprites:6", tmp_path / "run", recipe=recipe, iterations=2)
    assert not (tmp_path / "run" / INITIALISER_FILE).exists() and not load_extractor(tmp_path / "run").cold.is_learned


@pytest.mark.parametrize("damage", [b"", b"no tensors"])
def test_a_damaged_file_is_an_error_with_the_way_out(run: Path, damage: bytes) -> None:
    (run / INITIALISER_FILE).write_bytes(damage)
    with pytest.raises(TrainingError, match=r"initialiser\.safetensors is damaged .* remove it to go on without"):
        load_model(run)


def test_fixed_cameras_and_encoders_have_none() -> None:
    assert is_learned(load_config("edge-64")) and is_learned(load_config("static-camera"))
    assert not is_learned(load_config("fixed-camera"))
    amortised = ["model.inference=amortised", "train.pseudo_label_weight=0"]
    assert not is_learned(load_config("edge-64", amortised))
