"""Graphs in mixed precision: what is float16 in them, what is not, and that they compute the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from drc_export.bundle import Contents, export
from drc_export.graphs import graphs
from drc_export.precision import HALF_OPERATORS, to_half
from drc_export.reference import Reference
from drc_export.verify import FLOAT16, verify
from drc_runtime.bundle.bundle import Bundle
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.errors import BundleError, UsageError, VerificationError
from drc_runtime.inference.extractor import Extractor
from drc_train.training.checkpoint import load_model


def typed(path: Path) -> tuple[onnx.ModelProto, dict[str, int]]:
    model = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True)
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        types[value.name] = value.type.tensor_type.elem_type
    return model, types


def test_only_convolutions_are_float16(bundle: Path) -> None:
    model, types = typed(bundle / "posterior_step_fp16.onnx")
    assert {types[value.name] for value in (*model.graph.input, *model.graph.output)} == {TensorProto.FLOAT}
    halves, singles = [], []
    for node in model.graph.node:
        if TensorProto.FLOAT16 in (types[name] for name in (*node.input, *node.output) if name):
            halves.append(node.op_type)
        else:
            singles.append(node.op_type)
    assert set(halves) == HALF_OPERATORS | {"Cast"}
    # what the sampling grid is computed from: a generator of two stages and its head
    assert sorted(kind for kind in singles if kind in HALF_OPERATORS)[:2] == ["Conv", "ConvTranspose"]
    assert halves.count("ConvTranspose") == 2 * singles.count("ConvTranspose") == 4


def test_a_graph_without_convolutions_is_left_alone(bundle: Path) -> None:
    prior = (bundle / "prior_step.onnx").read_bytes()
    assert to_half(prior) == prior and not (bundle / "prior_step_fp16.onnx").exists()


def test_a_weight_outside_the_range_keeps_its_operator_in_float32() -> None:
    nodes = [helper.make_node("Conv", ["x", "large"], ["a"]), helper.make_node("Conv", ["a", "small"], ["y"])]
    maps = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 1, 1]) for name in ("x", "y")]
    weights = {name: np.full((2, 2, 1, 1), value, np.float32) for name, value in (("large", 1e6), ("small", 1e-3))}
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "g", maps[:1], maps[1:], tensors)
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    half = onnx.load_from_string(to_half(whole.SerializeToString()))
    kinds = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    assert kinds == {"large": TensorProto.FLOAT, "small_half": TensorProto.FLOAT16}


def test_it_is_run_when_asked_for(bundle: Path) -> None:
    image = np.random.default_rng(3).integers(0, 256, (40, 30, 3), np.uint8)
    whole, half = (
        Extractor(bundle, seed=1, precision=name, refine="none").extract(image, steps=1) for name in ("fp32", "fp16")
    )
    assert half.log_posterior == pytest.approx(whole.log_posterior, rel=1e-2)
    assert half.log_posterior != whole.log_posterior
    assert np.abs(whole.probability.astype(int) - half.probability).max() <= 12


def test_a_bundle_without_it_says_how_to_get_it(toy_bundle: Path) -> None:
    with pytest.raises(BundleError, match="--precision fp32,fp16"):
        Bundle.load(toy_bundle).at_precision("fp16")
    with pytest.raises(UsageError, match="'int8': choose one of fp32, fp16"):
        Extractor(toy_bundle, precision="int8")


@pytest.mark.parametrize(("asked", "complaint"), [(("fp32", "int8"), "'int8'"), (("fp16",), "fp32,fp16")])
def test_precisions_that_there_are_not(run: Path, tmp_path: Path, asked: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        export(run, tmp_path / "bundle", contents=Contents(precisions=asked))


def test_a_graph_that_is_too_far_off_is_refused(run: Path, bundle: Path) -> None:
    model, config, _ = load_model(run)
    step = replace(graphs(config)[0], name="posterior_step_fp16")
    coarse = onnx.load(bundle / "posterior_step_fp16.onnx")
    for tensor in coarse.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16 and len(tensor.dims) == 4:
            rounded = np.round(numpy_helper.to_array(tensor) * 4) / 4
            tensor.CopyFrom(numpy_helper.from_array(rounded, tensor.name))
    loaded = Bundle.load(bundle)
    spoiled = replace(loaded, _graphs={**loaded._graphs, step.name: coarse.SerializeToString()})
    assert verify(OnnxRuntimeEngine(loaded), Reference(model), [step], tolerance=FLOAT16)
    with pytest.raises(VerificationError, match="graph posterior_step_fp16, output"):
        verify(OnnxRuntimeEngine(spoiled), Reference(model), [step], tolerance=FLOAT16)


def test_the_engine_runs_both_precisions_of_one_bundle(bundle: Path) -> None:
    loaded = Bundle.load(bundle)
    assert loaded.at_precision("fp32") is loaded
    half = loaded.at_precision("fp16")
    assert half.graph_bytes("posterior_step") == loaded.graph_bytes("posterior_step_fp16")
    bound = OnnxRuntimeEngine(half).bind("render", ("mask",))
    bound.run()
    assert np.isfinite(bound.outputs["mask"]).all()
