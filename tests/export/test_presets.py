"""The posterior step of every preset, at its full size with random weights, passes verification."""

import pytest
import torch

from drc_export.contenders import bundle_of
from drc_export.graphs import graphs
from drc_export.onnx import to_onnx, trace
from drc_export.reference import Reference
from drc_export.torchscript import to_torchscript
from drc_export.verify import verify
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.engines.torchscript import TorchScriptEngine
from drc_train.config import load_config, preset_names
from drc_train.model.regions import RegionModel


@pytest.mark.slow
@pytest.mark.parametrize("preset", preset_names())
def test_the_step_of_every_preset_is_exact(preset: str) -> None:
    config = load_config(preset)
    model = RegionModel(config.model, torch.Generator().manual_seed(0)).eval()
    step = graphs(config)[0]
    traced = trace(step, model)
    bundle = bundle_of(step, model, config, to_onnx(step, traced), to_torchscript(step, traced))
    reference = Reference(model, {step.name: traced})
    assert verify(OnnxRuntimeEngine(bundle), reference, [step])
    assert verify(TorchScriptEngine(bundle), reference, [step], backend="TorchScript")
