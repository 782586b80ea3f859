"""Operators and weights of a graph, beside what the onnx package counts."""

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.graph_summary import summarise_graph
from drc_runtime.errors import BundleError
from drc_runtime.samples import sample_bundle


@pytest.mark.parametrize("graph", ["posterior_step", "render", "prior_step"])
def test_the_counts_are_those_of_the_onnx_package(graph: str) -> None:
    data = Bundle.load(sample_bundle("sprites")).graph_bytes(graph)
    model = onnx.load_from_string(data)
    found = summarise_graph(data, graph)
    assert found.operators == dict(Counter(node.op_type for node in model.graph.node))
    weights = [tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT]
    assert found.parameters == {"float32": sum(int(np.prod(tensor.dims)) for tensor in weights)}


def test_packed_and_single_dimensions() -> None:
    tensor = onnx.numpy_helper.from_array(np.zeros((3, 200), np.float16), "w")
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [tensor]))
    plain = model.SerializeToString()
    packed = b"\x0a\x03\x03\xc8\x01"  # field 1 as one string of varints
    single = b"\x08\x03\x08\xc8\x01"
    assert single in plain
    assert summarise_graph(plain, "g").parameters == {"float16": 600}
    assert summarise_graph(plain.replace(single, packed), "g").parameters == {"float16": 600}


def test_damaged_bytes_are_an_error() -> None:
    with pytest.raises(BundleError, match="damaged"):
        summarise_graph(b"\x3a\xff\x01", "g")
