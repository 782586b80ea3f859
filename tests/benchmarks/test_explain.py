"""Each rewrite is really undone, none of them changes what is computed, and nothing stays replaced."""

import json
import sys
from pathlib import Path

import onnxruntime
import pytest
import torch

from benchmarks import explain as module
from benchmarks.explain import REWRITES, Variant, explain
from benchmarks.flops import eager_flops
from benchmarks.plain import replaced
from drc_export import onnx as exporter
from drc_export.graphs import graphs
from drc_train.config import load_config
from drc_train.model.regions import RegionModel
from drc_train.training.checkpoint import load_model

FEWER_NODES = (
    "the norm's own gradient",
    "gradients of slices as pads",
    "one gather and one scatter for the re-assignment",
)


def test_every_rewrite_can_be_undone_and_changes_no_number() -> None:
    """On the traced step of a model with one stage; the slow test below does the same with the exported one."""
    config = load_config("edge-32", ["model.image_size=8", "model.channels=[8]", "model.base_channels=6",
        "model.classifier_channels=4"])  # fmt: skip
    model = RegionModel(config.model, torch.Generator().manual_seed(0)).eval()
    step = graphs(config)[0]
    inputs = step.random_inputs(torch.Generator().manual_seed(9))
    expected = step.function(model, *inputs)[0]
    whole = exporter.trace(step, model)
    flops = eager_flops(lambda: whole(*inputs))
    for name, rewrite in REWRITES.items():
        with replaced(*rewrite):
            traced = exporter.trace(step, model)
        assert traced.code != whole.code, name
        torch.testing.assert_close(traced(*inputs)[0], expected, rtol=1e-3, atol=1e-4, msg=name)
        if name in FEWER_NODES:
            assert len(traced.graph.nodes) > len(whole.graph.nodes), name
        if name == "upsampling inside the convolution":
            assert eager_flops(lambda traced=traced: traced(*inputs)) > 1.2 * flops
    assert exporter.trace(step, model).code == whole.code, "nothing stays replaced"


@pytest.mark.slow
def test_every_rewrite_is_measured_and_changes_no_number(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, config, _ = load_model(run)
    step = graphs(config)[0]
    inputs = step.random_inputs(torch.Generator().manual_seed(9))
    feed = {name: tensor.numpy() for name, tensor in zip(step.inputs, inputs, strict=True)}
    kept: dict[str, bytes] = {}
    original = module.exported_variants
    monkeypatch.setattr(module, "exported_variants", lambda *given: kept.update(original(*given)) or kept)
    variants = explain(run, threads=1)
    names = ["all rewrites", *(f"without {name}" for name in REWRITES), "without any"]
    assert [variant.name for variant in variants] == names == list(kept)
    assert len(set(kept.values())) == len(kept)
    expected = step.function(model, *inputs)[0]
    for data in kept.values():
        found = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(["z_next"], feed)[0]
        torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-3, atol=1e-4)
    found = {variant.name.removeprefix("without "): variant for variant in variants}
    whole = found["all rewrites"]
    assert found["upsampling inside the convolution"].flops > 1.3 * whole.flops
    for name in FEWER_NODES:
        assert whole.nodes < found[name].nodes < found["any"].nodes
    assert whole.nodes <= found["folded constants"].nodes  # the exporter folds kernels as small as these by itself
    assert all(variant.milliseconds > 0 for variant in variants)
    assert exporter.to_onnx(step, exporter.trace(step, model)) == kept["all rewrites"]  # nothing stays replaced


def test_a_rewrite_that_changes_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rewritten = module.InstanceNorm.forward

    def to_onnx(step: object, traced: object) -> bytes:
        return b"whole" if module.InstanceNorm.forward is rewritten else b"another norm"

    monkeypatch.setattr(exporter, "trace", lambda *_: None)
    monkeypatch.setattr(exporter, "to_onnx", to_onnx)
    found = module.exported_variants(None, None)  # type: ignore[arg-type]
    assert list(found) == ["all rewrites", "without the norm's own gradient", "without any"]


def test_the_command_shows_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    measured = [Variant("all rewrites", 553, 66e6, 8.25), Variant("without any", 653, 99e6, 9.5)]
    monkeypatch.setattr(module, "explain", lambda run, threads: measured)
    monkeypatch.setattr(sys, "argv", ["explain.py", "run"])
    module.main()
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["without", "any", "653", "+100", "99", "+33", "9.50", "+1.25"] in rows
    monkeypatch.setattr(sys, "argv", ["explain.py", "run", "--json"])
    module.main()
    assert json.loads(capsys.readouterr().out)["variants"][0]["nodes"] == 553
