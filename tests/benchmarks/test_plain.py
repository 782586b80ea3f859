"""PyTorch's own layers in place of this project's, and what is measured with them."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from benchmarks import compare_plain as module
from benchmarks.compare_plain import MATRIX_SIZE, compare_plain, matrix_products, plain_step
from benchmarks.flops import eager_flops, graph_flops
from benchmarks.plain import plain_layers
from drc_export.compare import Comparison, Contender
from drc_export.contenders import Subject
from drc_export.graphs import graphs
from drc_runtime.bench import Latency
from drc_train.config import load_config
from drc_train.model.regions import RegionModel
from drc_train.training.checkpoint import load_model


def test_plain_layers_compute_the_same(run: Path) -> None:
    model, config, _ = load_model(run)
    step = graphs(config)[0]
    inputs = step.random_inputs(torch.Generator().manual_seed(0))
    rewritten = step.function(model, *inputs)
    with plain_layers():
        plain = step.function(model, *inputs)
    for one, other in zip(rewritten, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    assert not torch.equal(rewritten[0], plain[0]), "the layers were replaced"
    again = step.function(model, *inputs)
    assert all(torch.equal(one, other) for one, other in zip(rewritten, again, strict=True))


@pytest.mark.parametrize("upsampling", ["nearest", "bilinear"])
def test_plain_flops_are_those_of_the_formulas(upsampling: str) -> None:
    """A model of one doubling: each 3x3 convolution and its input gradient once, each fully connected layer twice."""
    config = load_config("static-camera", ["model.image_size=8", "model.channels=[6]", "model.base_channels=5",
        "model.background_channels=null", "model.classifier_channels=4", "model.background_image=false",
        f"model.upsampling={upsampling}"])  # fmt: skip
    model = RegionModel(config.model, torch.Generator().manual_seed(0)).requires_grad_(False)
    step = graphs(config)[0]
    inputs = step.random_inputs(torch.Generator().manual_seed(0))
    subject = Subject(step, model, config, inputs, torch.fx.symbolic_trace(torch.nn.Identity()), b"", 1)
    generator = 64 * 9 * (5 * 6 + 6 * 4)
    latent, width = config.model.latent, config.model.energy_width
    dense = sum(size * 80 for size in (latent.foreground, latent.background))
    dense += sum(size * width + width * width for size in (latent.foreground, latent.background))
    dense += width * (config.model.foreground_categories + config.model.background_categories)
    assert eager_flops(plain_step(subject)) == 2 * 2 * (2 * generator + dense)


def test_flops_of_a_convolution_and_its_transpose() -> None:
    def model(kind: str, image: list[int], out: list[int], kernel: list[int]) -> onnx.ModelProto:
        node = onnx.helper.make_node(kind, ["x", "w"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1])
        tensors = [onnx.helper.make_tensor_value_info(n, 1, s) for n, s in (("x", image), ("y", out), ("w", kernel))]
        graph = onnx.helper.make_graph([node], "g", [tensors[0], tensors[2]], [tensors[1]])
        return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])

    down, up = [1, 5, 8, 8], [1, 3, 16, 16]
    assert graph_flops(model("Conv", up, down, [5, 3, 4, 4])) == 2 * 5 * 64 * 3 * 16
    assert graph_flops(model("ConvTranspose", down, up, [5, 3, 4, 4])) == 2 * 5 * 64 * 3 * 16


def test_the_matrix_products_are_products() -> None:
    one, other = (np.asarray(product()).reshape(MATRIX_SIZE, MATRIX_SIZE) for product in matrix_products(1).values())
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-2)


def test_rates_are_taken_from_the_faster_product(monkeypatch: pytest.MonkeyPatch) -> None:
    latency = {name: Latency(p50, p50, p50) for name, p50 in (("ort", 40.0), ("torch", 20.0))}
    measured = [
        Contender("PyTorch eager, plain layers", latency["ort"]),
        Contender("onnxruntime", Latency(4.0, 5.0, 6.0)),
    ]
    product = onnx.helper.make_node("MatMul", ["a", "a"], ["b"])
    a, b = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [64, 64]) for name in "ab")
    exported = onnx.helper.make_model(onnx.helper.make_graph([product], "g", [a], [b])).SerializeToString()

    def compare(model: str, **options: object) -> Comparison:
        square = torch.ones(128, 128)
        step = Subject(None, None, None, (square,), None, exported, 1)  # type: ignore[arg-type]
        monkeypatch.setattr(Subject, "eager", lambda self: self.inputs[0] @ self.inputs[0])
        added = options["additions"](step)  # type: ignore[operator]
        assert added.contenders.keys() == {"PyTorch eager, plain layers"}
        return Comparison("cpu", (0, 0), {}, model, "random", 64, 1, 1, 10.0, measured, latency)

    monkeypatch.setattr(module, "compare", compare)
    found = compare_plain("edge-64")
    assert found["flops"] == 2 * 64**3 and found["plain_flops"] == 2 * 128**3
    assert found["matrix_gflops"] == pytest.approx(2 * 1024**3 / 0.020 / 1e9)
    assert found["roofline"] == pytest.approx((64 / 1024) ** 3 * 20.0 / 4.0)
    assert found["speedup"] == 10.0 and json.dumps(found)


def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(module, "compare_plain", lambda **options: options)
    monkeypatch.setattr(sys, "argv", ["compare_plain.py", "birds", "--set", "a=1", "--rounds", "10", "--seed", "1"])
    module.main()
    given = {"model": "birds", "overrides": ["a=1"], "rounds": 10, "threads": None, "seed": 1}
    assert json.loads(capsys.readouterr().out) == given
