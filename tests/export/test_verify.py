"""How sharp the check of an export is: small errors are refused wherever they are, and float32's own error is not."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from drc_export.contenders import bundle_of
from drc_export.graphs import Graph, graphs
from drc_export.onnx import to_onnx, trace
from drc_export.reference import INPUTS, SUM_ROUNDING, Example, Reference, deviation
from drc_export.threads import SMALL, threads_for
from drc_export.verify import verify
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.engines.protocol import BoundGraph
from drc_runtime.errors import VerificationError
from drc_train.config import Config, load_config
from drc_train.model.layers import InstanceNorm, UpConv, _InstanceNormalisation
from drc_train.model.regions import RegionModel
from drc_train.sampling import decompositions

WRONG = 1.003

TINY = ("model.image_size=16", "model.channels=[12, 8]", "model.background_channels=[6, 4]", "model.base_channels=6")


@pytest.fixture(scope="module")
def config() -> Config:
    config = load_config("static-camera", [*TINY, "model.classifier_channels=4"])
    assert (config.model.sigma, config.model.foreground_spread) == (0.2, 2.0), "a steep likelihood"
    return config


@pytest.fixture(scope="module")
def model(config: Config) -> RegionModel:
    """As training leaves a model of a static camera: an image as the background, and a foreground that needs evidence."""
    random = torch.Generator().manual_seed(0)
    model = RegionModel(config.model, random).eval()
    model.start_background(torch.rand(3, 16, 16, generator=random) * 2 - 1)
    assert model.foreground.head.bias is not None
    with torch.no_grad():
        model.foreground.head.bias[3] = -6
    return model


@pytest.fixture(scope="module")
def step(config: Config) -> Graph:
    return graphs(config)[0]


@pytest.fixture(scope="module")
def reference(model: RegionModel) -> Reference:
    return Reference(model)


def test_a_tiny_probability_may_be_off_by_a_rounding_of_one(
    model: RegionModel, config: Config, step: Graph, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Late in a chain all pixels are background, and onnxruntime's sigmoid has an absolute error of 1.7e-7."""
    engine = OnnxRuntimeEngine(bundle_of(step, model, config, to_onnx(step, trace(step, model))))
    late = dict(zip(step.outputs, reference.examples(step)[INPUTS - 1].float64, strict=True))
    assert float(late["responsibility"].max()) < 1e-3
    assert verify(engine, reference, [step])
    monkeypatch.setattr("drc_export.reference.RESOLUTION", 0.0)
    with pytest.raises(VerificationError, match="output responsibility, input 5"):
        verify(engine, Reference(model), [step])


def test_only_probabilities_have_an_absolute_resolution() -> None:
    truth = torch.tensor([1e-9, 1e-7, 1e-6], dtype=torch.float64)
    example = Example({}, [], [])
    assert deviation(example, "responsibility", truth + 2e-7, truth).error == 0
    assert deviation(example, "responsibility", truth * 1.1, truth).cosine == pytest.approx(1)
    assert deviation(example, "mask", truth + 1e-6, truth).error > 0.5
    assert deviation(example, "foreground", truth + 2e-7, truth).error > 0.1


def test_the_order_of_a_sum_is_free(model: RegionModel, step: Graph, reference: Reference) -> None:
    """A backend that adds the evidence up one pixel after the other, at the largest image of a preset."""
    terms = np.random.default_rng(0).exponential(1, 3 * 128 * 128).astype(np.float32)
    truth = terms.sum(dtype=np.float64)
    error = abs(float(terms.cumsum(dtype=np.float32)[-1]) - truth) / truth
    by_halves = abs(float(torch.from_numpy(terms).sum()) - truth) / truth
    assert 10 * by_halves < error < 3 * SUM_ROUNDING * len(terms) ** 0.5 < 1e-4

    class Sequential(Rewritten):
        def run(self) -> None:
            super().run()
            self.outputs["log_posterior"] *= np.float32(1 + wrong)

    wrong = 2 * SUM_ROUNDING * (3 * 16 * 16) ** 0.5
    assert verify(Sequential(model, step), reference, [step])
    wrong *= 2
    with pytest.raises(VerificationError, match="output log_posterior"):
        verify(Sequential(model, step), reference, [step])


class Rewritten:
    """An engine that computes a graph of a model in float32."""

    def __init__(self, model: RegionModel, graph: Graph) -> None:
        self.model, self.graph = model, graph
        self.inputs = {name: np.zeros(shape, np.float32) for name, shape in graph.inputs.items()}
        self.outputs: dict[str, np.ndarray] = {}

    def bind(self, graph: str, outputs: Sequence[str]) -> BoundGraph:
        return self  # type: ignore[return-value]

    def run(self) -> None:
        found = self.graph.function(self.model, *(torch.from_numpy(it.copy()) for it in self.inputs.values()))
        self.outputs = {name: it.detach().numpy() for name, it in zip(self.graph.outputs, found, strict=True)}


class WrongGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient * WRONG


class WrongNorm(_InstanceNormalisation):
    """A backward pass with one of its two means wrong."""

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        normalised, scale, weight = ctx.saved_tensors
        mean = WRONG * (gradient * normalised).mean((2, 3), keepdim=True)
        return scale * weight * (gradient - gradient.mean((2, 3), keepdim=True) - normalised * mean), None, None


def spoil_gradient(layer: torch.nn.Module) -> None:
    layer.register_forward_pre_hook(lambda layer, inputs: (WrongGradient.apply(inputs[0]),))


def spoil_norm(layer: torch.nn.Module) -> None:
    assert isinstance(layer, InstanceNorm)
    layer.forward = lambda x: WrongNorm.apply(x, layer.weight, layer.bias)  # type: ignore[method-assign]


def spoil_evidence(model: RegionModel) -> None:
    model.config = model.config.model_copy(update={"sigma": model.config.sigma / WRONG**0.5})


def spoil_logits(model: RegionModel, wrong: Callable[[Tensor], Tensor]) -> None:
    model.register_forward_hook(lambda model, inputs, regions: regions._replace(slot_logits=wrong(regions.slot_logits)))


SPOILED: dict[str, Callable[[RegionModel], None]] = {
    "the first foreground convolution's gradient": lambda model: spoil_gradient(model.foreground.stages[0]),
    "the last foreground convolution's gradient": lambda model: spoil_gradient(model.foreground.stages[-1]),
    "the first background convolution's gradient": lambda model: spoil_gradient(model.background.stages[0]),
    "the last background convolution's gradient": lambda model: spoil_gradient(model.background.stages[-1]),
    "the head's gradient": lambda model: spoil_gradient(model.foreground.head),
    "a foreground norm's gradient": lambda model: spoil_norm(model.foreground.norms[-1]),
    "a background norm's gradient": lambda model: spoil_norm(model.background.norms[-1]),
    "the evidence's scale": spoil_evidence,
    "the mask logits": lambda model: spoil_logits(model, lambda logits: WRONG * logits),
    "the mask logits' gradient": lambda model: spoil_logits(model, WrongGradient.apply),
}


@pytest.mark.parametrize("place", SPOILED)
def test_an_error_of_three_thousandths_is_refused_wherever_it_is(
    place: str, model: RegionModel, step: Graph, reference: Reference
) -> None:
    assert verify(Rewritten(model, step), reference, [step])
    spoiled = copy.deepcopy(model)
    SPOILED[place](spoiled)
    with pytest.raises(VerificationError, match="graph posterior_step, output"):
        verify(Rewritten(spoiled, step), reference, [step])


def test_a_decomposition_that_is_wrong_by_three_thousandths_is_refused(
    model: RegionModel, config: Config, step: Graph, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gradient of the strided convolutions alone, in the exported graph."""
    right = decompositions.convolution_input_gradient

    def wrong(gradient: Tensor, *others: Any) -> tuple[Tensor, None, None]:
        found, *_ = right(gradient, *others)
        return found * (WRONG if others[6] else 1), None, None

    assert all(isinstance(stage, UpConv) and stage.folded for stage in model.background.stages)
    monkeypatch.setattr(decompositions, "convolution_input_gradient", wrong)
    engine = OnnxRuntimeEngine(bundle_of(step, model, config, to_onnx(step, trace(step, model))))
    with pytest.raises(VerificationError, match="graph posterior_step, output z_next"):
        verify(engine, reference, [step])


def test_float32_s_error_at_one_input_excuses_nothing_at_another() -> None:
    first = torch.randn(1, 4, generator=torch.Generator().manual_seed(1))

    def slope(model: torch.nn.Module, z: Tensor) -> tuple[Tensor, ...]:
        far_off = z.dtype == torch.float32 and torch.allclose(z, first, rtol=1e-3)
        return (z * 1.1 if far_off else z,)

    class Engine(Rewritten):
        def run(self) -> None:
            self.outputs = {"slope": self.inputs["z"] * (1 if np.array_equal(self.inputs["z"], first) else error)}

    graph = Graph("slope", slope, {"z": (1, 4)}, ("slope",))
    engine, reference = Engine(torch.nn.Identity(), graph), Reference(torch.nn.Identity())  # type: ignore[arg-type]
    error = 1.0
    (check,) = verify(engine, reference, [graph])
    assert torch.equal(reference.examples(graph)[0].inputs["z"], first) and check.problem is None
    error = WRONG
    with pytest.raises(VerificationError, match="off by 3.0e-03 where .*e-05 is allowed"):
        verify(engine, reference, [graph])


def test_an_input_at_a_corner_is_replaced_and_excuses_nothing() -> None:
    """Within a few ulp of the corner both slopes are valid; a backend that takes the other one there is not wrong."""
    corner = torch.randn(1, 4, generator=torch.Generator().manual_seed(1))

    def bent(model: torch.nn.Module, z: Tensor) -> tuple[Tensor, ...]:
        near = torch.allclose(z.float(), corner, rtol=1e-3)
        return (z * (2 if near and bool(z[0, 0].double() > corner[0, 0].double()) else 1),)

    class Engine(Rewritten):
        def run(self) -> None:
            self.outputs = {"bent": self.inputs["z"] * (2 if np.array_equal(self.inputs["z"], corner) else error)}

    graph = Graph("bent", bent, {"z": (1, 4)}, ("bent",))
    engine, reference = Engine(torch.nn.Identity(), graph), Reference(torch.nn.Identity())  # type: ignore[arg-type]
    error = 1.0
    assert torch.equal(reference.examples(graph)[0].inputs["z"], corner)
    assert verify(engine, reference, [graph])
    assert not torch.equal(reference.examples(graph)[0].inputs["z"], corner)
    error = WRONG
    with pytest.raises(VerificationError, match="off by 3.0e-03 where .*e-0[5-7] is allowed"):
        verify(engine, Reference(torch.nn.Identity()), [graph])  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "expected"), [(SMALL, 1), (SMALL + 1, 3)])
def test_small_images_are_verified_on_one_thread(size: int, expected: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with threads_for(size):
            assert torch.get_num_threads() == expected
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
