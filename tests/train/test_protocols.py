"""The two protocols as settings over the paper's presets."""

import pytest
import torch

from drc_runtime.errors import UsageError
from drc_train.config import load_config
from drc_train.model.networks import Energy
from drc_train.model.objective import orthogonal_penalty
from drc_train.protocols import PAPER_PRESETS, protocol_overrides


@pytest.mark.parametrize("preset", PAPER_PRESETS)
def test_the_released_settings(preset: str) -> None:
    paper = load_config(preset, protocol_overrides("paper", preset))
    released = load_config(preset, protocol_overrides("released", preset))
    assert paper == load_config(preset)
    assert (paper.model.energy_sign, released.model.energy_sign) == (-1, 1)
    assert (paper.model.reassignment_energy_width, released.model.reassignment_energy_width) == (200, 400)
    assert (paper.train.m_step_sigma, round(2 * released.train.m_step_sigma**2, 6)) == (0.25, 1.0)
    assert (released.train.orthogonal_squared, released.train.orthogonal_weight) == (True, 0.1)
    assert released.train.mirror and not paper.train.mirror
    assert (paper.train.iterations, released.train.iterations) == (10_000, 2_000_000)
    assert (paper.model.latent, paper.model.channels) == (released.model.latent, released.model.channels)


@pytest.mark.parametrize(("protocol", "preset"), [("released", "edge-64"), ("paper", None), ("best", "birds")])
def test_a_protocol_is_of_the_papers_presets(protocol: str, preset: str | None) -> None:
    with pytest.raises(UsageError, match="--protocol"):
        protocol_overrides(protocol, preset)


def test_the_sign_of_the_energy() -> None:
    plain, turned = Energy(3, 4, 5, 2), Energy(3, 4, 5, 2, sign=1)
    turned.load_state_dict(plain.state_dict())
    z = torch.randn(2, 3)
    assert torch.equal(plain(z), -turned(z)) and torch.equal(turned(z), plain.logits(z).logsumexp(1))


def test_the_squared_penalty() -> None:
    convolution = torch.nn.Conv2d(1, 2, 1, bias=False)
    with torch.no_grad():
        convolution.weight[:, 0, 0, 0] = torch.tensor([2.0, 3.0])
    assert orthogonal_penalty(convolution, squared=True).item() == pytest.approx(72)
    assert orthogonal_penalty(convolution).item() == pytest.approx(72**0.5)
