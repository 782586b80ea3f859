"""The densities of a fixed camera: with the generator off they are the runtime's plain ones."""

import numpy as np
import pytest
import torch

from drc_runtime.camera.plain import plain_log_odds
from drc_runtime.errors import ConfigError
from drc_train.config import load_config
from drc_train.model.objective import responsibility
from drc_train.model.regions import RegionModel


def test_with_the_generator_off_the_responsibility_is_the_plain_one() -> None:
    config = load_config("fixed-camera", ["model.unknown_foreground=1"])
    model = RegionModel(config.model, torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.foreground.head.weight.zero_()  # leaves the mask's bias, the plain prior
    random = np.random.default_rng(0)
    image = random.uniform(0, 255, (64, 64, 3)).astype(np.float32)
    background = np.clip(image + random.normal(0, 20, image.shape), 0, 255).astype(np.float32)
    scale = random.uniform(2, 20, (64, 64)).astype(np.float32)
    pictures = [torch.from_numpy(it.transpose(2, 0, 1) / 127.5 - 1) for it in (image, background)]
    observation = torch.cat([*pictures, torch.from_numpy(scale[None] / 127.5)])[None].float()
    z = torch.randn(1, config.model.latent.total, generator=torch.Generator().manual_seed(1))
    found = responsibility(model(z, observation), observation, config.model.region_likelihood())[0, 0]
    plain = 1 / (1 + np.exp(-plain_log_odds(image, background, scale)))
    np.testing.assert_allclose(found.detach().numpy(), plain, atol=1e-5)


def test_settings_without_effect_are_refused() -> None:
    with pytest.raises(ConfigError, match="no effect without background_input"):
        load_config("edge-32", ["model.shadow=0.1"])
    with pytest.raises(ConfigError, match="background_input needs"):
        load_config("fixed-camera", ["model.likelihood=gaussian"])
