"""What the E-step's graphs become before they are compiled, and how their precision is chosen."""

import pytest
import torch

from drc_train.config import Config, load_config
from drc_train.learner.m_step import COMPILED_FROM, GeneratorGradient
from drc_train.model.objective import m_step_loss
from drc_train.model.regions import RegionModel
from drc_train.sampling.decompositions import training_decompositions
from drc_train.sampling.graph_passes import channels_last
from drc_train.sampling.langevin import posterior_step
from drc_train.sampling.precision import at_precision, choose_precision, gradient_cosines
from drc_train.sampling.sampler import Sampler
from drc_train.sampling.tracing import parameters_of, trace_step

CPU = torch.device("cpu")


@pytest.fixture
def model(tiny_config: Config) -> RegionModel:
    return RegionModel(tiny_config.model, torch.Generator().manual_seed(0))


@pytest.fixture
def inputs(tiny_config: Config) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    z = torch.randn(4, tiny_config.model.latent.total, generator=random)
    return z, torch.rand(4, 3, 8, 8, generator=random) * 2 - 1, torch.randn(z.shape, generator=random)


def traced(model: RegionModel, config: Config, inputs: tuple[torch.Tensor, ...]) -> torch.fx.GraphModule:
    def step(model: RegionModel, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return posterior_step(model, *tensors, config.train)[:2]  # type: ignore[call-arg]

    return trace_step(step, model, inputs, training_decompositions())


def convolution_types(graph: torch.fx.GraphModule, *arguments: object) -> set[torch.dtype]:
    seen: set[torch.dtype] = set()

    class Noting(torch.fx.Interpreter):
        def call_function(self, target, args, kwargs):  # type: ignore[no-untyped-def]
            result = super().call_function(target, args, kwargs)
            if target is torch.ops.aten.convolution.default:
                seen.add(result.dtype)
            return result

    with torch.no_grad():
        Noting(graph).run(*torch.utils._pytree.tree_leaves(arguments))
    return seen


def test_channels_last_is_the_same_step(
    model: RegionModel, tiny_config: Config, inputs: tuple[torch.Tensor, ...]
) -> None:
    graph = traced(model, tiny_config, inputs)
    expected = graph(parameters_of(model), *inputs)
    turned = channels_last(graph)
    assert "memory_format = torch.channels_last" in turned.code
    for found, exact in zip(turned(parameters_of(model), *inputs), expected, strict=True):
        torch.testing.assert_close(found, exact)


def test_half_precision_is_in_the_convolutions_alone(
    model: RegionModel, tiny_config: Config, inputs: tuple[torch.Tensor, ...]
) -> None:
    graph = traced(model, tiny_config, inputs)
    half = at_precision(graph, "bfloat16")
    assert convolution_types(half, parameters_of(model), *inputs) == {torch.bfloat16}
    assert convolution_types(graph, parameters_of(model), *inputs) == {torch.float32}, "the step itself is left alone"
    z_next, value = half(parameters_of(model), *inputs)
    assert z_next.dtype == value.dtype == torch.float32
    cosines = gradient_cosines(graph, parameters_of(model), *inputs[:2], ("float32", "bfloat16"))
    assert cosines["float32"] == pytest.approx(1, abs=1e-9)
    assert 0.9 < cosines["bfloat16"] < 1


def test_the_fastest_that_is_near_enough_is_chosen() -> None:
    assert choose_precision({"float16": 0.998, "bfloat16": 0.98, "tf32": 1.0}) == "float16"
    assert choose_precision({"float16": 0.0, "bfloat16": 0.98, "tf32": 1.0}) == "tf32"
    assert choose_precision({"float16": 0.5}) == "float32"


def test_a_chosen_precision_is_used_and_auto_is_float32_on_a_cpu(
    model: RegionModel, tiny_config: Config, tiny_overrides: list[str], inputs: tuple[torch.Tensor, ...]
) -> None:
    z, image, noise = inputs
    exact = Sampler(model, tiny_config, 4, CPU, compiled=False)
    assert exact.precision == "float32" and not exact.notes
    coarse = Sampler(
        model, load_config("edge-32", [*tiny_overrides, "train.precision=bfloat16"]), 4, CPU, compiled=False
    )
    first, second = (sampler.posterior(z, image, [noise])[0] for sampler in (exact, coarse))
    assert not torch.equal(first, second)
    torch.testing.assert_close(first, second, atol=0.1, rtol=0)


def test_the_traced_m_step_has_autograds_gradients(
    model: RegionModel, tiny_config: Config, inputs: tuple[torch.Tensor, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drc_train.learner.m_step.compile_step", lambda step, *_: step)
    z, image, _ = inputs
    gradient = GeneratorGradient(model, tiny_config.train, compiled=True)
    gradient(z, image, COMPILED_FROM - 1)
    assert gradient._step is None, "a run that ends soon is not kept waiting for the compiler"
    gradient(z, image, COMPILED_FROM)
    assert not gradient.notes and gradient._step is not None
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)  # what was traced is a function of the weights, not of those that it saw
    parts = gradient(z, image, COMPILED_FROM + 1)
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    model.zero_grad()
    loss, expected = m_step_loss(model, z, image, tiny_config.train, tiny_config.train.m_step_sigma)
    loss.backward()
    assert parts.keys() == expected.keys()
    for name, part in expected.items():
        torch.testing.assert_close(parts[name], part)
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-6)
            assert found[name].stride() == parameter.stride()


def test_a_compiler_that_fails_is_named_and_learning_goes_on(
    model: RegionModel, tiny_config: Config, inputs: tuple[torch.Tensor, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no C++ compiler\nmany more lines")

    monkeypatch.setattr("drc_train.sampling.sampler.compile_step", broken)
    monkeypatch.setattr("drc_train.learner.m_step.compile_step", broken)
    sampler = Sampler(model, tiny_config, 4, CPU)
    assert sampler.notes == ["training without the compiler, slower: no C++ compiler"]
    assert sampler.posterior(inputs[0], inputs[1], [inputs[2]])[0].isfinite().all()
    gradient = GeneratorGradient(model, tiny_config.train, compiled=True)
    assert gradient(inputs[0], inputs[1], COMPILED_FROM)["likelihood"].isfinite()
    assert gradient.notes == ["M-step without the compiler, slower: no C++ compiler"]
