"""What WebGPU lacks is written with what it has, and computes the same numbers."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from drc_export.portable import without_sign_and_or
from drc_runtime.samples import SAMPLES, sample_bundle


def run(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, inputs))


def test_sign_and_or_are_the_same_numbers() -> None:
    nodes = [
        helper.make_node("Sign", ["x"], ["sign"], "a"),
        helper.make_node("Sign", ["sign"], ["again"], "b"),
        helper.make_node("Greater", ["x", "y"], ["p"]),
        helper.make_node("Less", ["x", "y"], ["q"]),
        helper.make_node("Or", ["p", "q"], ["either"], "c"),
    ]
    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", [7]), ("y", [1]))
    ]
    outputs = [
        helper.make_tensor_value_info("sign", TensorProto.FLOAT, [7]),
        helper.make_tensor_value_info("again", TensorProto.FLOAT, [7]),
        helper.make_tensor_value_info("either", TensorProto.BOOL, [7]),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "g", tensors, outputs), opset_imports=[helper.make_opsetid("", 18)], ir_version=10
    )
    values = {"x": np.array([-np.inf, -2, -1e-40, -0.0, 0.0, 1e-40, 3], np.float32), "y": np.zeros(1, np.float32)}
    before = run(model, values)
    without_sign_and_or(model)
    onnx.checker.check_model(model, full_check=True)
    assert not {"Sign", "Or"} & {node.op_type for node in model.graph.node}
    for old, new in zip(before, run(model, values), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_steps_are_bit_for_bit_the_same(name: str) -> None:
    path = Path(sample_bundle(name)) / "posterior_step.onnx"
    model = onnx.load(path)
    random = np.random.default_rng(0)
    shapes = {it.name: [axis.dim_value for axis in it.type.tensor_type.shape.dim] for it in model.graph.input}
    inputs = {key: random.uniform(-1, 1, shape).astype(np.float32) for key, shape in shapes.items()}
    before = run(model, inputs)
    without_sign_and_or(model)
    for old, new in zip(before, run(model, inputs), strict=True):
        np.testing.assert_array_equal(old, new)
