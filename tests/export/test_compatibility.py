"""The lists of operators: exported graphs pass them, and each kind of restriction is found."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from drc_export.compatibility import BACKENDS, report

TYPES = {"f": TensorProto.FLOAT, "l": TensorProto.INT64, "i": TensorProto.INT32}


def model(
    node: onnx.NodeProto, inputs: dict[str, tuple[str, list[int]]], opset: int = 18, **weights: np.ndarray
) -> bytes:
    """A graph of one operator with the given inputs (type letter and shape), its output of unknown shape."""
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info(name, TYPES[kind], shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(node.output[0], TYPES[next(iter(inputs.values()))[0]], None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.example", 1)]
    return helper.make_model(graph, opset_imports=imports).SerializeToString()


@pytest.mark.parametrize("name", ["posterior_step", "render", "prior_step", "posterior_step_fp16", "render_fp16"])
def test_every_backend_but_coreml_takes_the_exported_graphs(bundle: Path, name: str) -> None:
    found = report((bundle / f"{name}.onnx").read_bytes())
    assert list(found) == [backend.name for backend in BACKENDS]
    assert {backend for backend, problems in found.items() if problems} == {"CoreML"}
    assert "Where is not supported" in found["CoreML"]


def test_operators_outside_the_lists_are_named_once() -> None:
    node = helper.make_node("GridSample", ["x", "grid"], ["y"])
    found = report(model(node, {"x": ("f", [1, 1, 4, 4]), "grid": ("f", [1, 4, 4, 2])}))
    assert all(problems == ["GridSample is not supported"] for problems in found.values())
    found = report(model(helper.make_node("Relu", ["x"], ["y"], domain="com.example"), {"x": ("f", [1])}))
    assert all(problems == ["Relu is not supported"] for problems in found.values())


def test_types_and_opsets() -> None:
    clip = model(helper.make_node("Clip", ["x", "", "high"], ["y"]), {"x": ("l", [3])}, high=np.array(2))
    found = report(clip)
    assert found["TensorRT 10.0"] == found["TensorRT 11"] == ["Clip does not support INT64"]
    assert found["onnxruntime CPU"] == []
    new = report(model(helper.make_node("Abs", ["x"], ["y"]), {"x": ("f", [3])}, opset=21))
    assert new["TensorRT 10.0"] == ["opset 21 is outside 9 to 20"] and new["TensorRT 11"] == []


def test_inputs_that_must_be_constant() -> None:
    node = helper.make_node("ReduceSum", ["x", "axes"], ["y"])
    assert report(model(node, {"x": ("f", [3, 4])}, axes=np.array([1])))["TensorRT 10.0"] == []
    computed = report(model(node, {"x": ("f", [3, 4]), "axes": ("l", [1])}))
    assert computed["TensorRT 10.0"] == ["ReduceSum needs its input 1 as a constant"]
    assert computed["onnxruntime CPU"] == []


def test_indices_and_reductions() -> None:
    inputs = {"x": ("f", [4]), "indices": ("i", [2]), "updates": ("f", [2])}
    node = helper.make_node("ScatterElements", ["x", "indices", "updates"], ["y"], reduction="add")
    found = report(model(node, inputs))
    assert found["TensorRT 10.0"] == ["ScatterElements does not support indices of INT32"]
    assert found["OpenVINO"] == []
    odd = helper.make_node("ScatterElements", ["x", "indices", "updates"], ["y"], reduction="median")
    found = report(model(odd, inputs | {"indices": ("l", [2])}))
    assert found["TensorRT 11"] == found["OpenVINO"] == ["ScatterElements does not support reduction = b'median'"]


def test_the_competition_of_several_slots_is_taken_as_well() -> None:
    found = report(model(helper.make_node("Softmax", ["x"], ["y"]), {"x": ("f", [1, 3, 4, 4])}))
    assert [backend for backend, problems in found.items() if problems] == ["CoreML"]
