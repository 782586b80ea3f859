"""Refuses TorchScript that could do more than compute: before it is loaded, and again before it runs.

PyTorch already runs parts of a file while it loads it: the ``__setstate__`` of a class and the default values of arguments. So
the text of the code is checked first, with PyTorch's own reader of the archive, and only then is the file loaded. The graph that
PyTorch made of it, all calls inlined, is checked as well.
"""

import io
import pickletools
import re
from collections.abc import Iterator
from typing import Any

from drc_runtime.errors import BundleError

OPERATORS = frozenset(
    "_convolution _softmax _to_copy abs add addmm alias amax avg_pool2d bitwise_or cat clamp clone constant_pad_nd div eq exp"
    " expand floor full_like gather ge gt leaky_relu log log1p lt matmul mean mm mul neg permute pow rsqrt scatter_add"
    " select sigmoid sign slice split_with_sizes squeeze sub sum tanh unsqueeze view where".split()
)
"""The operators of PyTorch that ``drc export`` writes: functions of their arguments alone, without loops."""
LARGEST_CODE = 4 << 20
"""Bytes of code in one file; the largest preset has 0.1 MB."""
MOST_NODES = 20_000
"""The largest preset has about 2,000."""

_RECORD = re.compile(
    r"data\.pkl|constants\.pkl|(data|constants)/\d+|version|byteorder|\.data/\w+|\.format_version|\.storage_alignment"
    r"|code/__torch__(/\w+)*\.py(\.debug_pkl)?"
)
_CLASS = re.compile(r"__torch__(?:\.\w+)+")
# No quotes, comments, line continuations or characters outside of ASCII: what is a word below is a word for PyTorch.
_TEXT = re.compile(r"[\w\s.,:=()\[\]>-]*", re.ASCII)
_HEAD = re.compile(r"\bclass \w+\(Module\):", re.ASCII)
_AFTER_DOT = re.compile(r"\.\s*([A-Za-z_]\w*)", re.ASCII)
_BEFORE_BRACKET = re.compile(r"([A-Za-z_]\w*)\s*\(", re.ASCII)
_CONSTANT = re.compile(r"c\d+")
_SYNTAX = frozenset(("forward", "annotate", "return"))
_PICKLED = frozenset(("torch._utils _rebuild_tensor_v2", "collections OrderedDict"))
_STORAGE = re.compile(r"torch [A-Z][A-Za-z0-9]*Storage")
_NODES = frozenset(
    ("prim::Constant", "prim::ListConstruct", "prim::TupleConstruct", "prim::ListUnpack", "prim::GetAttr")
)


def check_archive(data: bytes, name: str) -> None:
    """Refuses a TorchScript file, before it is loaded, whose code names anything but tensors and ``OPERATORS``.

    Args:
        data: the whole file.
        name: first words of the error messages.

    Raises:
        BundleError: the code calls something else, or this is no TorchScript file.
    """
    import torch

    try:
        reader = torch._C.PyTorchFileReader(io.BytesIO(data))
        records = reader.get_all_records()
        for record in records:
            if not _RECORD.fullmatch(record):
                raise _refused(name, f"the record {record[:60]!r}")
            if record.endswith(".py"):
                _check_code(reader.get_record(record), name)
            elif record.endswith(".pkl"):
                _check_pickle(reader.get_record(record), name)
    except RuntimeError as error:  # raised by PyTorch's reader
        raise BundleError(f"{name} is not a TorchScript file, or it is damaged") from error


def check_graph(module: Any, name: str) -> None:
    """Refuses a loaded module that has more than the method ``forward``, or operators besides ``OPERATORS``.

    Args:
        module: what ``torch.jit.load`` returned.
        name: first words of the error messages.

    Raises:
        BundleError: it has.
    """
    allowed = _NODES | {f"aten::{operator}" for operator in OPERATORS}
    for part in module.modules():
        for method in part._c._method_names():
            if method != "forward":
                raise _refused(name, f"the method {method[:60]!r}")
    for count, node in enumerate(_nodes(module.inlined_graph)):
        if count >= MOST_NODES:
            raise BundleError(f"{name} has more than {MOST_NODES} nodes; it is not a graph to run")
        if node.kind() not in allowed:
            raise _refused(name, f"the operator {node.kind()[:60]!r}")


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)


def _check_code(code: bytes, name: str) -> None:
    """Refuses code that names a function, an attribute or a class other than those that the exporter writes."""
    if len(code) > LARGEST_CODE:
        raise BundleError(f"{name} has more than {LARGEST_CODE} bytes of code; it is not a graph to run")
    text = code.decode("latin-1")
    if not _TEXT.fullmatch(text):
        raise _refused(name, "characters that no code of it has")
    for path in _CLASS.findall(text):
        _check_class(path, name)
    text = _HEAD.sub("class:", _CLASS.sub("path", text))
    for word in _AFTER_DOT.findall(text):
        if word not in OPERATORS and not _CONSTANT.fullmatch(word):
            raise _refused(name, f"{word[:60]!r}")
    for word in _BEFORE_BRACKET.findall(text):
        if word not in OPERATORS and word not in _SYNTAX:
            raise _refused(name, f"{word[:60]!r}")


def _check_pickle(data: bytes, name: str) -> None:
    """Refuses pickled data that holds more than tensors and one module; the opcodes are read, not run."""
    try:
        named = [str(argument) for opcode, argument, _ in pickletools.genops(data) if opcode.name == "GLOBAL"]
    except (ValueError, IndexError) as error:
        raise BundleError(f"{name} is not a TorchScript file, or it is damaged") from error
    for word in named:
        if word.startswith("__torch__"):
            _check_class(word.replace(" ", "."), name)
        elif word not in _PICKLED and not _STORAGE.fullmatch(word):
            raise _refused(name, f"{word[:60]!r}")


def _check_class(path: str, name: str) -> None:
    """Refuses classes that are written in C++, which PyTorch keeps under ``__torch__.torch.classes``."""
    if "classes" in path.split("."):
        raise _refused(name, f"the class {path[:60]!r}")


def _refused(name: str, what: str) -> BundleError:
    return BundleError(
        f"{name} has {what}, which drc export does not write: it could read files or run without end; "
        "use --engine onnxruntime, or export the bundle again"
    )
