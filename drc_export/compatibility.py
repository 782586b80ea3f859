"""Which backends support a graph: their operators with types and restrictions, as documented by their vendors.

The lists cover the operators that this project's graphs use or might use; any other operator counts as not supported. No backend
is run.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import onnx
from onnx import NodeProto, TensorProto

_TYPES: dict[int, str] = {
    TensorProto.FLOAT: "f",
    TensorProto.FLOAT16: "h",
    TensorProto.INT32: "i",
    TensorProto.INT64: "l",
    TensorProto.BOOL: "b",
}
# Data types that an operator supports, one letter each: f float32, h float16, i int32, l int64, b bool.
_FLOAT, _NUMBER, _ANY, _BOOL = "fh", "fhil", "fhilb", "b"


_COMMON = {
    **dict.fromkeys(
        "BatchNormalization Conv ConvTranspose Exp Floor Gemm InstanceNormalization LeakyRelu Log MatMul Pow PRelu "
        "Reciprocal Relu Sigmoid Softmax Softplus Sqrt Tanh".split(),
        _FLOAT,
    ),
    **dict.fromkeys(
        "Abs Add Div Equal Greater GreaterOrEqual Less LessOrEqual Max Min Mul Neg Pad ReduceMax ReduceMean ReduceMin "
        "ReduceSum Sign Sub".split(),
        _NUMBER,
    ),
    **dict.fromkeys(
        "Cast Concat Constant Expand Gather GatherElements Identity Reshape Slice Split Squeeze Transpose Unsqueeze "
        "Where".split(),
        _ANY,
    ),
    **dict.fromkeys("And Not Or".split(), _BOOL),
    "Clip": _NUMBER,
    "ScatterElements": _NUMBER,
}
_AXES = {
    "Pad": 3,
    "ReduceMax": 1,
    "ReduceMean": 1,
    "ReduceMin": 1,
    "ReduceSum": 1,
    "Slice": 3,
    "Squeeze": 1,
    "Unsqueeze": 1,
}


@dataclass(frozen=True)
class Backend:
    """What one backend supports according to its documentation."""

    name: str
    source: str
    """The documents that list it."""
    opsets: tuple[int, int]
    """Smallest and largest ONNX opset."""
    operators: Mapping[str, str]
    """Operator -> letters of its data types."""
    constant: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Operator -> inputs that must be constants of the file."""
    attributes: Mapping[tuple[str, str], tuple[object, ...]] = field(default_factory=dict)
    """(operator, attribute) -> allowed values; an attribute that is not listed may have any value."""
    index_types: str = "il"
    """Types of the indices of gathers and scatters."""


_TENSORRT_10 = Backend(
    "TensorRT 10.0",
    "onnx-tensorrt release/10.0-GA docs/operators.md; reductions of ScatterElements: NVIDIA/TensorRT scatterElementsPlugin",
    (9, 20),
    {**_COMMON, "Clip": _FLOAT},
    constant={**{name: (place,) for name, place in _AXES.items()}, "InstanceNormalization": (1, 2)},
    attributes={("ScatterElements", "reduction"): (b"none", b"add", b"mul", b"max", b"min")},
    index_types="l",
)

BACKENDS = (
    Backend(
        "onnxruntime CPU",
        "onnxruntime docs/OperatorKernels.md, CPUExecutionProvider (float16 is cast to float32 around operators without it)",
        (7, 24),
        _COMMON,
    ),
    Backend(
        "onnxruntime CUDA",
        "onnxruntime docs/OperatorKernels.md, CUDAExecutionProvider, 1.18 or later (ScatterElements add: PR 19198)",
        (7, 23),
        _COMMON,
    ),
    _TENSORRT_10,
    Backend(
        "TensorRT 11",
        "TensorRT 11 ONNX opset guide; operators.md of onnx-tensorrt, which keeps 10.0's",
        (9, 25),
        _TENSORRT_10.operators,
        _TENSORRT_10.constant,
        _TENSORRT_10.attributes,
        _TENSORRT_10.index_types,
    ),
    Backend(
        "OpenVINO",
        "OpenVINO supported operations, ONNX frontend; ScatterElements with a reduction: PR 18462 (2023.1). "
        "Needs the precision hint f32: its default bf16 computes scatter indices wrongly",
        (6, 21),
        _COMMON,
        attributes={("ScatterElements", "reduction"): (b"none", b"add", b"mul", b"max", b"min")},
    ),
    Backend(
        "CoreML",
        "onnxruntime tools/ci_build/github/apple/coreml_supported_mlprogram_ops.md (ML programs)",
        (7, 24),
        {
            **dict.fromkeys(
                "Add Clip Concat Conv ConvTranspose Div Exp Gemm Identity InstanceNormalization LeakyRelu MatMul Max Mul PRelu "
                "Reciprocal ReduceMax ReduceMean ReduceSum Relu Reshape Sigmoid Slice Softplus Split Sqrt Squeeze Sub Tanh "
                "Transpose Unsqueeze".split(),
                _FLOAT,
            ),
            "Cast": _ANY,
            "Pow": "f",
        },
        constant={"ConvTranspose": (1, 2), "Gemm": (1,), "Slice": (1, 2, 3, 4)},
    ),
)


def report(graph: bytes) -> dict[str, list[str]]:
    """Backend -> what it does not support of an ONNX graph; an empty list means that it supports the graph.

    Args:
        graph: a serialised ONNX model with fixed shapes.
    """
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(graph))
    return {backend.name: _problems(backend, model) for backend in BACKENDS}


def _problems(backend: Backend, model: onnx.ModelProto) -> list[str]:
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    weights = set(types)
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        types[value.name] = value.type.tensor_type.elem_type
    found = []
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    low, high = backend.opsets
    if not low <= opset <= high:
        found.append(f"opset {opset} is outside {low} to {high}")
    for node in model.graph.node:
        if node.op_type == "Constant":
            weights.add(node.output[0])
        found += _node_problems(backend, node, types, weights)
    return list(dict.fromkeys(found))  # each problem once, in the graph's order


def _node_problems(backend: Backend, node: NodeProto, types: dict[str, int], weights: set[str]) -> Iterator[str]:
    allowed = backend.operators.get(node.op_type)
    if node.domain not in ("", "ai.onnx") or allowed is None:
        yield f"{node.op_type} is not supported"
        return
    for name in _data(node):
        if _letter(types, name) not in allowed:
            yield f"{node.op_type} does not support {_type_name(types, name)}"
    if node.op_type in ("Gather", "GatherElements", "ScatterElements"):
        if _letter(types, node.input[1]) not in backend.index_types:
            yield f"{node.op_type} does not support indices of {_type_name(types, node.input[1])}"
    for place in backend.constant.get(node.op_type, ()):
        if place < len(node.input) and node.input[place] and node.input[place] not in weights:
            yield f"{node.op_type} needs its input {place} as a constant"
    for attribute in node.attribute:
        values = backend.attributes.get((node.op_type, attribute.name))
        if values is not None and onnx.helper.get_attribute_value(attribute) not in values:
            yield f"{node.op_type} does not support {attribute.name} = {onnx.helper.get_attribute_value(attribute)!r}"


def _letter(types: dict[str, int], name: str) -> str:
    return _TYPES.get(types.get(name, 0), "?")


def _type_name(types: dict[str, int], name: str) -> str:
    return str(TensorProto.DataType.Name(types.get(name, 0)))


def _data(node: NodeProto) -> list[str]:
    """The tensors to which an operator's documented types apply: not its indices, shapes and conditions."""
    if node.op_type == "Constant":
        return list(node.output)
    if node.op_type == "Cast":
        return [node.input[0], node.output[0]]
    return [node.input[1 if node.op_type == "Where" else 0]]
