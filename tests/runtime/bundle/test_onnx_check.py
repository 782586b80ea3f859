"""Graphs with external data, foreign operators or loops are refused wherever ONNX can hold them; no bytes crash the check."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from drc_runtime.bundle import onnx_check
from drc_runtime.bundle.onnx_check import check_model
from drc_runtime.errors import BundleError


def external(name: str = "w") -> TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../secret")
    return tensor


def graph_of(*nodes: onnx.NodeProto, initializers: tuple[TensorProto, ...] = ()) -> onnx.GraphProto:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    return helper.make_graph(
        nodes or [helper.make_node("Identity", ["x"], ["y"])], "g", [value], [result], initializers
    )


def model_of(graph: onnx.GraphProto, *functions: onnx.FunctionProto) -> onnx.ModelProto:
    return helper.make_model(graph, functions=functions, opset_imports=[helper.make_opsetid("", 20)])


def node_with(**attribute: object) -> onnx.NodeProto:
    node = helper.make_node("Identity", ["x"], ["y"])
    node.attribute.append(AttributeProto(name="value", **attribute))
    return node


def function_with(node: onnx.NodeProto, domain: str = "") -> onnx.FunctionProto:
    return helper.make_function(domain, "F", ["x"], ["y"], [node], [helper.make_opsetid("", 20)])


def sparse(values: TensorProto) -> onnx.SparseTensorProto:
    return onnx.SparseTensorProto(values=values, indices=numpy_helper.from_array(np.array([0, 1])), dims=[4])


def with_opset(domain: str) -> onnx.ModelProto:
    model = model_of(graph_of())
    model.opset_import.add(domain=domain, version=1)
    return model


def with_sparse_initializer() -> onnx.ModelProto:
    model = model_of(graph_of())
    model.graph.sparse_initializer.append(sparse(external()))
    return model


def with_training_graph() -> onnx.ModelProto:
    model = model_of(graph_of())
    model.training_info.add().algorithm.CopyFrom(graph_of(initializers=(external(),)))
    return model


def only_location() -> onnx.ModelProto:
    tensor = external()
    del tensor.external_data[:]
    return model_of(graph_of(initializers=(tensor,)))


def only_entries() -> onnx.ModelProto:
    tensor = external()
    tensor.data_location = TensorProto.DEFAULT
    return model_of(graph_of(initializers=(tensor,)))


EXTERNAL: dict[str, Callable[[], onnx.ModelProto]] = {
    "initializer": lambda: model_of(graph_of(initializers=(external(),))),
    "only the location": only_location,
    "only the entries": only_entries,
    "sparse initializer": with_sparse_initializer,
    "constant": lambda: model_of(graph_of(node_with(type=AttributeProto.TENSOR, t=external()))),
    "list of constants": lambda: model_of(graph_of(node_with(type=AttributeProto.TENSORS, tensors=[external()]))),
    "sparse constant": lambda: model_of(
        graph_of(node_with(type=AttributeProto.SPARSE_TENSOR, sparse_tensor=sparse(external())))
    ),
    "sparse constants": lambda: model_of(
        graph_of(node_with(type=AttributeProto.SPARSE_TENSORS, sparse_tensors=[sparse(external())]))
    ),
}

FOREIGN: dict[str, Callable[[], onnx.ModelProto]] = {
    "node": lambda: model_of(graph_of(helper.make_node("Evil", ["x"], ["y"], domain="com.evil"))),
    "opset import": lambda: with_opset("com.evil"),
    "ONNX's own extensions": lambda: with_opset("ai.onnx.ml"),
}

ENDLESS: dict[str, Callable[[], onnx.ModelProto]] = {
    "loop": lambda: model_of(graph_of(helper.make_node("Loop", ["", "x"], ["y"], body=graph_of()))),
    "branch": lambda: model_of(
        graph_of(helper.make_node("If", ["x"], ["y"], then_branch=graph_of(), else_branch=graph_of()))
    ),
    "scan": lambda: model_of(graph_of(helper.make_node("Scan", ["x"], ["y"], body=graph_of(), num_scan_inputs=1))),
    "list of subgraphs": lambda: model_of(graph_of(node_with(type=AttributeProto.GRAPHS, graphs=[graph_of()]))),
    "subgraph of another type": lambda: model_of(graph_of(node_with(type=AttributeProto.INT, g=graph_of()))),
    "function": lambda: model_of(graph_of(), function_with(helper.make_node("F", ["x"], ["y"]))),
    "training graph": with_training_graph,
}


@pytest.mark.parametrize("build", ENDLESS.values(), ids=ENDLESS.keys())
def test_what_could_run_without_end_is_refused(build: Callable[[], onnx.ModelProto]) -> None:
    with pytest.raises(
        BundleError, match=r"g.onnx holds .*, which drc export does not write: a run of it might not end"
    ):
        check_model(build().SerializeToString(), "g.onnx")


def test_a_graph_may_have_ten_thousand_nodes() -> None:
    nodes = [helper.make_node("Identity", ["x"], ["y"])] * 10_000
    check_model(model_of(graph_of(*nodes)).SerializeToString(), "g")
    with pytest.raises(BundleError, match="more than 10000 nodes"):
        check_model(model_of(graph_of(*nodes, nodes[0])).SerializeToString(), "g")


@pytest.mark.parametrize("build", EXTERNAL.values(), ids=EXTERNAL.keys())
def test_external_data_is_refused(build: Callable[[], onnx.ModelProto]) -> None:
    with pytest.raises(BundleError, match="g.onnx keeps weights in other files"):
        check_model(build().SerializeToString(), "g.onnx")


@pytest.mark.parametrize("build", FOREIGN.values(), ids=FOREIGN.keys())
def test_foreign_domains_are_refused(build: Callable[[], onnx.ModelProto]) -> None:
    with pytest.raises(BundleError, match="uses the operator domain '(com.evil|ai.onnx.ml)'"):
        check_model(build().SerializeToString(), "g.onnx")


def test_ordinary_models_pass(toy_graph: bytes) -> None:
    check_model(toy_graph, "toy")
    weights = numpy_helper.from_array(np.zeros(1000, np.float32), "w")
    rich = model_of(
        graph_of(
            node_with(type=AttributeProto.TENSOR, t=weights),
            helper.make_node("Identity", ["x"], ["y"], domain="ai.onnx"),
        ),
    )
    rich.graph.sparse_initializer.append(sparse(weights))
    rich.domain = "org.example"  # the model's own name, not a domain of operators
    check_model(rich.SerializeToString(), "rich")


def test_large_location_values_are_refused() -> None:
    # An enum is cut to 32 bits by protobuf, so that 2^32 + 1 means EXTERNAL.
    location = bytes([14 << 3]) + bytes([0x81, 0x80, 0x80, 0x80, 0x10])
    assert TensorProto.FromString(location).data_location == TensorProto.EXTERNAL
    initializer = bytes([5 << 3 | 2, len(location)]) + location
    with pytest.raises(BundleError, match="external data"):
        check_model(bytes([7 << 3 | 2, len(initializer)]) + initializer, "g")


def test_onnxruntime_format_is_refused(toy_graph: bytes) -> None:
    # Valid ONNX that onnxruntime would take for its flatbuffer format, because of the mark at byte 4.
    disguised = bytes([2 << 3 | 2, 6]) + b"..ORTM" + toy_graph
    assert onnx.ModelProto.FromString(disguised).producer_name
    with pytest.raises(BundleError, match="own format"):
        check_model(disguised, "g")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a model",
        b"\x08\x0a",
        b"\x3a\x7f",  # graph longer than the file
        b"\x3b\x3c",  # group
        b"\x00\x00",  # field number 0
        b"\x38\x01",  # graph as a number
        b"\xff" * 20,
    ],
)
def test_bytes_that_are_no_model_are_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="g is not an ONNX model"):
        check_model(data, "g")


def test_endless_fields_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_check, "_MOST_FIELDS", 1000)
    with pytest.raises(BundleError, match="more than 1000 fields"):
        check_model(b"\x08\x01" * 1001, "g")


def is_safe(message: Message) -> bool:
    """The same question asked of protobuf's own reading of the bytes."""
    if isinstance(message, TensorProto) and (message.external_data or message.data_location):
        return False
    if isinstance(message, onnx.NodeProto | onnx.OperatorSetIdProto | onnx.FunctionProto) and message.domain not in (
        "",
        "ai.onnx",
    ):
        return False
    if isinstance(message, onnx.AttributeProto) and (message.HasField("g") or message.graphs):
        return False
    if isinstance(message, onnx.ModelProto) and (message.functions or message.training_info):
        return False
    inner = [value for field, value in message.ListFields() if field.message_type is not None]
    return all(is_safe(item) for value in inner for item in ([value] if isinstance(value, Message) else value))


HOSTILE = [build().SerializeToString() for build in (*EXTERNAL.values(), *FOREIGN.values(), *ENDLESS.values())]
TAGS = st.sampled_from(
    [bytes([number << 3 | wire]) for number in (1, 5, 6, 7, 8, 10, 11, 13, 14) for wire in (0, 1, 2, 5)]
)


@given(
    st.sampled_from(HOSTILE),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), TAGS | st.binary(min_size=1, max_size=4)), max_size=6),
)
@settings(max_examples=400, deadline=None)
def test_what_passes_is_safe_to_protobuf_too(model: bytes, edits: list[tuple[int, int, bytes]]) -> None:
    data = bytearray(model)
    for position, removed, inserted in edits:
        start = position % (len(data) + 1)
        data[start : start + removed] = inserted
    try:
        check_model(bytes(data), "g")
    except BundleError:
        return
    try:
        parsed = onnx.ModelProto.FromString(bytes(data))
    except DecodeError:
        return  # the engine refuses it as well
    assert is_safe(parsed)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_random_bytes_are_refused_by_name(data: bytes) -> None:
    try:
        check_model(data, "g")
    except BundleError as error:
        assert str(error).startswith("g ")
