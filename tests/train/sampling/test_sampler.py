"""Chains over a batch, compiled or not."""

import pytest
import torch

from drc_train.config import Config, load_config
from drc_train.model.regions import RegionModel
from drc_train.sampling.langevin import posterior_step, prior_step
from drc_train.sampling.sampler import Sampler

CPU = torch.device("cpu")


def noise(z: torch.Tensor, steps: int = 3) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(2)
    return [torch.randn(z.shape, generator=random) for _ in range(steps)]


def test_a_chain_is_one_langevin_step_after_the_other(
    tiny_model: RegionModel, tiny_config: Config, tiny_batch: tuple[torch.Tensor, ...]
) -> None:
    z, image, _ = tiny_batch
    sampler = Sampler(tiny_model, tiny_config, 4, CPU, compiled=False)
    posterior, prior = z, z
    for drawn in noise(z):
        posterior, log_posterior, _ = posterior_step(tiny_model, posterior, image, drawn, tiny_config.train)
        prior, energy = prior_step(tiny_model, prior, drawn, tiny_config.train)
    torch.testing.assert_close(sampler.posterior(z, image, iter(noise(z))), (posterior, log_posterior))
    torch.testing.assert_close(sampler.prior(z, iter(noise(z))), (prior, energy))


def test_a_precision_that_is_asked_for_is_used_and_auto_is_float32_on_a_cpu(
    tiny_model: RegionModel,
    tiny_config: Config,
    tiny_overrides: list[str],
    tiny_batch: tuple[torch.Tensor, ...],
) -> None:
    z, image, drawn = tiny_batch
    exact = Sampler(tiny_model, tiny_config, 4, CPU, compiled=False)
    assert exact.precision == "float32" and not exact.notes
    config = load_config("edge-32", [*tiny_overrides, "train.precision=bfloat16"])
    coarse = Sampler(tiny_model, config, 4, CPU, compiled=False)
    first, second = (sampler.posterior(z, image, [drawn])[0] for sampler in (exact, coarse))
    assert not torch.equal(first, second)
    torch.testing.assert_close(first, second, atol=0.1, rtol=0)


def test_training_goes_on_without_a_compiler_and_says_so(
    tiny_model: RegionModel,
    tiny_config: Config,
    tiny_batch: tuple[torch.Tensor, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no C++ compiler\nmany more lines")

    z, image, drawn = tiny_batch
    expected = Sampler(tiny_model, tiny_config, 4, CPU, compiled=False).posterior(z, image, [drawn])
    monkeypatch.setattr("drc_train.sampling.sampler.compile_step", broken)
    sampler = Sampler(tiny_model, tiny_config, 4, CPU)
    assert sampler.notes == ["training without the compiler, slower: no C++ compiler"]
    torch.testing.assert_close(sampler.posterior(z, image, [drawn]), expected)
