"""A run's networks behind the runtime's engine protocol."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drc_runtime.errors import EngineError
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.mask import MaskReader
from drc_runtime.preprocess import to_tensor
from drc_train.config import Config, load_config
from drc_train.model.objective import slot_responsibilities
from drc_train.model.regions import RegionModel
from drc_train.sampling.torch_engine import TorchEngine, manifest_of


def test_the_manifest_says_how_many_slots_there_are(tiny_overrides: list[str], tiny_config: Config) -> None:
    assert manifest_of(tiny_config, "one").latent.foreground_slots == 1
    slots = load_config("edge-32", [*tiny_overrides, "model.latent.foreground_slots=3"])
    latent = manifest_of(slots, "three").latent
    assert latent.foreground_slots == 3 and latent.foreground == 15 and latent.total == slots.model.latent.total


def test_with_several_slots_the_mask_is_eq_7(tiny_overrides: list[str]) -> None:
    """The background's share is left over by the slots' shares; reading the slots' mean image would give another mask."""
    config = load_config("edge-32", [*tiny_overrides, "model.latent.foreground_slots=2"])
    model = RegionModel(config.model, torch.Generator().manual_seed(0))
    manifest = manifest_of(config, "slots")
    extractor = Extractor.over(TorchEngine(model, config), manifest)
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    z = 3 * extractor.sampler.noise()
    tensor = to_tensor(image, manifest.image_size)
    sample = extractor.sampler.run(tensor, z, 1)
    with torch.no_grad():
        regions = model(torch.from_numpy(z))
        shares = slot_responsibilities(regions, torch.from_numpy(tensor)[None], config.model.region_likelihood())
    foreground, background = shares[0, 1:].sum(0).double(), shares[0, 0].double()
    expected = (foreground.log() - background.log()).clamp(-8, 8).numpy()
    found = np.clip(extractor.reader.log_odds(image, sample), -8, 8)
    np.testing.assert_allclose(found, expected, atol=1e-2)
    one_slot = replace(manifest, latent=replace(manifest.latent, foreground_slots=1))
    assert np.abs(np.clip(MaskReader(one_slot).log_odds(image, sample), -8, 8) - expected).max() > 0.5


def test_there_is_no_other_graph(tiny_config: Config) -> None:
    engine = TorchEngine(RegionModel(tiny_config.model, torch.Generator().manual_seed(0)), tiny_config)
    with pytest.raises(EngineError, match="no graph 'render'"):
        engine.bind("render", ("mask",))
