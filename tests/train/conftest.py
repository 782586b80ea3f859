"""A run small enough to learn in a second or two."""

from typing import Any

import numpy as np
import pytest
import torch

from drc_train.config import Config, load_config
from drc_train.model.regions import RegionModel
from drc_train.training import train as training

TINY = (
    "model.image_size=8",
    "model.channels=[8]",
    "model.background_channels=null",
    "model.base_channels=4",
    "model.classifier_channels=4",
    "model.energy_width=8",
    "model.latent.foreground=5",
    "train.batch_size=4",
    "train.prior_steps=2",
    "train.posterior_steps=2",
)


@pytest.fixture
def tiny_overrides() -> list[str]:
    """``--set`` values that make any edge preset tiny."""
    return list(TINY)


@pytest.fixture
def tiny_config() -> Config:
    return load_config("edge-32", TINY)


@pytest.fixture
def tiny_images() -> torch.Tensor:
    """(10, 3, 8, 8) uint8."""
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (10, 3, 8, 8), np.uint8))


@pytest.fixture
def tiny_model(tiny_config: Config) -> RegionModel:
    return RegionModel(tiny_config.model, torch.Generator().manual_seed(0))


@pytest.fixture
def tiny_batch(tiny_config: Config) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """z, images and noise of four images."""
    random = torch.Generator().manual_seed(1)
    z = torch.randn(4, tiny_config.model.latent.total, generator=random)
    return z, torch.rand(4, 3, 8, 8, generator=random) * 2 - 1, torch.randn(z.shape, generator=random)


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler takes longer than these runs."""

    class Plain(training.Learner):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, compiled=False, **options)

    monkeypatch.setattr(training, "Learner", Plain)
