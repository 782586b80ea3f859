"""The comparison: every contender computes the same step, is measured in every round, and one that fails says why."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from drc_export import compare as module
from drc_export import contenders
from drc_export.compare import Comparison, Contender, compare
from drc_export.graphs import graphs
from drc_export.plain import plain_layers
from drc_runtime.bench import Latency
from drc_runtime.cli import main as cli
from drc_runtime.errors import ConfigError, UsageError
from drc_train.config import load_config
from drc_train.model.regions import RegionModel
from drc_train.training.checkpoint import load_model

NAMES = [
    "PyTorch autograd",
    "PyTorch autograd, rewritten layers",
    "PyTorch compiled",
    "TorchScript",
    "onnxruntime",
    "OpenVINO",
]


@pytest.fixture(scope="module")
def comparison(run: Path) -> Comparison:
    with pytest.MonkeyPatch.context() as patch:
        # the compiler takes longer than all the rest; what is compiled is run as it is
        patch.setattr(torch, "compile", lambda function: function)
        patch.setattr(contenders, "_openvino", _absent)
        return compare(str(run), rounds=3, threads=1)


def _absent(*_: object) -> None:
    raise ModuleNotFoundError("No module named 'openvino'\nand more")


def test_every_contender_computes_the_same_step(comparison: Comparison) -> None:
    assert [it.name for it in comparison.contenders] == NAMES
    for it in comparison.contenders[:-1]:
        assert it.latency is not None and 0 < it.latency.p50 <= it.latency.p95 <= it.latency.p99
        assert it.difference is not None and it.difference < 1e-3
    absent = comparison.contenders[-1]
    assert absent.latency is None and absent.problem == "No module named 'openvino'"


def test_the_figures_belong_together(comparison: Comparison) -> None:
    assert comparison.weights == "trained" and comparison.image_size == 16 and comparison.rounds == 3
    latency = {it.name: it.latency.p50 for it in comparison.contenders if it.latency}
    assert comparison.speedup == pytest.approx(latency["PyTorch autograd"] / latency["onnxruntime"])
    seconds = comparison.flops / (comparison.matrix_gflops * 1e9)
    assert comparison.roofline == pytest.approx(seconds * 1000 / latency["onnxruntime"])
    assert comparison.plain_flops > comparison.flops > 0


def test_rounds_are_taken_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(module, "WARM_UP", 1)
    times = module._measure({"a": lambda: order.append("a"), "b": lambda: (order.append("b"), time.sleep(0.01))}, 2)
    assert order == ["a", "b"] * 3
    assert len(times["a"]) == len(times["b"]) == 2 and min(times["b"]) >= 0.01


def test_plain_layers_compute_the_same_with_more_work(run: Path) -> None:
    model, config, _ = load_model(run)
    step = graphs(config)[0]
    inputs = step.random_inputs(torch.Generator().manual_seed(0))
    rewritten = step.function(model, *inputs)
    with plain_layers():
        plain = step.function(model, *inputs)
    for one, other in zip(rewritten, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
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
    generator = 64 * 9 * (5 * 6 + 6 * 4)
    latent, width = config.model.latent, config.model.energy_width
    dense = sum(size * 80 for size in (latent.foreground, latent.background))
    dense += sum(size * width + width * width for size in (latent.foreground, latent.background))
    dense += width * (config.model.foreground_categories + config.model.background_categories)
    assert contenders.plain_flops(step, model, inputs) == 2 * 2 * (2 * generator + dense)


def test_what_cannot_be_compared(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="what a run was trained with stays"):
        compare(str(run), overrides=["model.upsampling=bilinear"])
    with pytest.raises(ConfigError, match=r"model\.upsampling"):
        compare("edge-32", overrides=["model.upsampling=cubic"])
    with pytest.raises(UsageError, match="neither a run of drc train nor a preset"):
        compare(str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match="0 rounds"):
        compare("edge-32", rounds=0)


def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    measured = [Contender("onnxruntime", Latency(1.0, 2.0, 3.0), 1e-6, 12.0), Contender("OpenVINO", None, problem="no")]
    made = Comparison("cpu", (0.1, 0.2), {}, "edge-64", "random", 64, 2, 9, 5e6, 9e6, 80.0, 0.7, 3.5, measured)
    monkeypatch.setattr(module, "compare", lambda model, **options: made)
    for arguments, expected in (([], "3.5 times plain autograd"), (["--json"], '"speedup": 3.5')):
        monkeypatch.setattr(sys, "argv", ["drc", "bench", "edge-64", "--compare", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        out = capsys.readouterr().out
        assert exit_.value.code == 0 and expected in out and "OpenVINO" in out
        if arguments:
            assert json.loads(out)["contenders"][0]["latency"]["p99"] == 3.0
    monkeypatch.setattr(sys, "argv", ["drc", "bench", "--compare"])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 2 and "MODEL is missing" in capsys.readouterr().err


def test_without_pytorch_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "drc_export.compare")
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(sys, "argv", ["drc", "bench", "edge-64", "--compare"])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 1 and "drc[export]" in capsys.readouterr().err


def test_the_matrix_product_is_the_faster_library_s() -> None:
    for product in module._matrix_products(1).values():
        assert np.asarray(product()).size == module.MATRIX_SIZE**2
