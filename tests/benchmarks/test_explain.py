"""What the rewrites buy: each is really left out once, and none of them changes what is computed."""

import sys
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch

from benchmarks import explain as module
from benchmarks.explain import REWRITES, Variant, explain, flops
from drc_export.graphs import graphs
from drc_export.onnx import to_onnx
from drc_runtime.cli import main as cli
from drc_train.training.checkpoint import load_model


def test_every_rewrite_is_measured_and_changes_no_number(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, config, _ = load_model(run)
    step = graphs(config)[0]
    inputs = step.random_inputs(torch.Generator().manual_seed(9))
    feed = {name: tensor.numpy() for name, tensor in zip(step.inputs, inputs, strict=True)}
    files: list[bytes] = []
    monkeypatch.setattr(module.exporter, "to_onnx", lambda *given: files.append(to_onnx(*given)) or files[-1])
    variants = explain(run, threads=1)
    assert [variant.name for variant in variants] == [
        "all rewrites",
        *(f"without {name}" for name in REWRITES),
        "without any",
    ]
    assert len(set(files)) == len(files)
    expected = step.function(model, *inputs)[0]
    for data in files:
        found = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(["z_next"], feed)[0]
        torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-3, atol=1e-4)
    found = {variant.name.removeprefix("without "): variant for variant in variants}
    whole = found["all rewrites"]
    assert found["upsampling inside the convolution"].flops > 1.3 * whole.flops
    for name in (
        "the norm's own gradient",
        "gradients of slices as pads",
        "one gather and one scatter for the re-assignment",
    ):
        assert whole.nodes < found[name].nodes < found["any"].nodes
    assert whole.nodes <= found["folded constants"].nodes  # the exporter folds kernels as small as these by itself
    assert all(variant.milliseconds > 0 for variant in variants)
    assert to_onnx(step, model) == files[0]  # nothing stays exchanged


def test_the_command_shows_it_and_makes_no_bundle(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(run.parent.iterdir())
    monkeypatch.setattr(module, "explain", lambda run: [Variant("all rewrites", 553, 66e6, 8.25)])
    for arguments, expected in (([], "66"), (["--json"], '"nodes": 553')):
        monkeypatch.setattr(sys, "argv", ["drc", "export", str(run), "--explain", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        out = capsys.readouterr().out
        assert exit_.value.code == 0 and "all rewrites" in out and expected in out
    assert sorted(run.parent.iterdir()) == before


def test_flops_of_a_convolution_and_its_transpose() -> None:
    def model(kind: str, image: list[int], out: list[int], kernel: list[int]) -> onnx.ModelProto:
        node = onnx.helper.make_node(kind, ["x", "w"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1])
        tensors = [onnx.helper.make_tensor_value_info(n, 1, s) for n, s in (("x", image), ("y", out), ("w", kernel))]
        graph = onnx.helper.make_graph([node], "g", [tensors[0], tensors[2]], [tensors[1]])
        return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])

    down, up = [1, 5, 8, 8], [1, 3, 16, 16]
    assert flops(model("Conv", up, down, [5, 3, 4, 4])) == 2 * 5 * 64 * 3 * 16
    assert flops(model("ConvTranspose", down, up, [5, 3, 4, 4])) == 2 * 5 * 64 * 3 * 16
