"""A toy bundle with a student whose masks are known in closed form."""

from dataclasses import replace
from pathlib import Path

from onnx import TensorProto, helper

from drc_runtime.bundle.bundle import write_bundle
from drc_runtime.bundle.manifest import STUDENT, GraphEntry
from tests.conftest import toy_manifest

OWN = (16, 12)
"""Height and width of the toy student, which are not the toy bundle's."""


def student_graph(output: tuple[int, ...] = (1, 1, *OWN), scale: float = 60.0) -> bytes:
    """Log-odds that rise with the mean of the three channels."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, *OWN])
    plane = helper.make_tensor_value_info("log_odds", TensorProto.FLOAT, list(output))
    weights = helper.make_tensor("scale", TensorProto.FLOAT, [1], [scale])
    shape = helper.make_tensor("shape", TensorProto.INT64, [len(output)], list(output))
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["grey", "scale"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], ["log_odds"]),
    ]
    graph = helper.make_graph(nodes, "student", [image], [plane], [weights, shape])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def bundle_with(folder: Path, toy_graph: bytes, student: bytes, output: tuple[int, ...] = (1, 1, *OWN)) -> Path:
    plain = toy_manifest(toy_graph)
    entry = GraphEntry.of("student.onnx", student, {"image": (1, 3, *OWN)}, {"log_odds": output})
    manifest = replace(plain, graphs=plain.graphs | {STUDENT: entry})
    write_bundle(folder, manifest, {"posterior_step": toy_graph, STUDENT: student})
    return folder
