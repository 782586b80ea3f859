"""The traced gradient of the M-step."""

import pytest
import torch

from drc_train.config import Config, load_config
from drc_train.learner.m_step import COMPILED_FROM, GeneratorGradient
from drc_train.model.objective import m_step_loss
from drc_train.model.regions import RegionModel


def test_the_traced_gradient_is_autograd_s(
    tiny_model: RegionModel,
    tiny_config: Config,
    tiny_batch: tuple[torch.Tensor, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("drc_train.learner.m_step.compile_step", lambda step, *_: step)
    z, image, _ = tiny_batch
    gradient = GeneratorGradient(tiny_model, tiny_config.train, compiled=True)
    gradient(z, image, COMPILED_FROM - 1)
    assert gradient._step is None, "a short run does not wait for the compiler"
    gradient(z, image, COMPILED_FROM)
    assert not gradient.notes and gradient._step is not None
    with torch.no_grad():
        for parameter in tiny_model.parameters():
            parameter.add_(0.01)  # the weights are inputs of the traced function, not constants in it
    parts = gradient(z, image, COMPILED_FROM + 1)
    found = {name: parameter.grad for name, parameter in tiny_model.named_parameters() if parameter.grad is not None}
    assert found.keys() == tiny_model.generator_parameters().keys()
    tiny_model.zero_grad()
    loss, expected = m_step_loss(tiny_model, z, image, tiny_config.train, tiny_config.train.m_step_sigma)
    loss.backward()
    assert parts.keys() == expected.keys()
    for name, part in expected.items():
        torch.testing.assert_close(parts[name], part)
    for name, parameter in tiny_model.generator_parameters().items():
        assert parameter.grad is not None
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-6)
        assert found[name].stride() == parameter.stride()


def test_a_sigma_that_changes_is_not_compiled(
    tiny_model: RegionModel, tiny_overrides: list[str], tiny_batch: tuple[torch.Tensor, ...]
) -> None:
    annealed = [*tiny_overrides, "train.m_step_sigma=0.8", "train.final_m_step_sigma=0.2", "train.annealing=10"]
    train = load_config("edge-32", annealed).train
    gradient = GeneratorGradient(tiny_model, train, compiled=True)
    z, image, _ = tiny_batch
    for iteration, sigma in ((0, 0.8), (5, 0.4), (COMPILED_FROM, 0.2)):
        expected = m_step_loss(tiny_model, z, image, train, sigma)[1]["likelihood"]
        torch.testing.assert_close(gradient(z, image, iteration)["likelihood"], expected)
    assert gradient._step is None


def test_training_goes_on_without_a_compiler_and_says_so(
    tiny_model: RegionModel,
    tiny_config: Config,
    tiny_batch: tuple[torch.Tensor, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no C++ compiler\nmany more lines")

    monkeypatch.setattr("drc_train.learner.m_step.compile_step", broken)
    gradient = GeneratorGradient(tiny_model, tiny_config.train, compiled=True)
    z, image, _ = tiny_batch
    assert gradient(z, image, COMPILED_FROM)["likelihood"].isfinite()
    assert gradient.notes == ["M-step without the compiler, slower: no C++ compiler"]
