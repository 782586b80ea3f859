"""TorchScript: for machines that have PyTorch anyway. Its files hold pickled data, so it runs only when asked for by name.

PyTorch is imported inside the functions, after the file's hash has matched: nothing else of the runtime may need it.
"""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import GraphEntry
from drc_runtime.engines.protocol import Array, BoundGraph, graph_entry
from drc_runtime.errors import EngineError, MissingDependencyError
from drc_runtime.machine import available_cores

if TYPE_CHECKING:
    from torch import Tensor


class TorchScriptEngine:
    """Loads a TorchScript file of a bundle on first use and keeps it."""

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        """``threads``: how many cores a run may use; None takes those that this process may run on.

        Raises:
            MissingDependencyError: PyTorch is not installed.
        """
        try:
            import torch
        except ImportError as error:
            raise MissingDependencyError(
                f'the engine torchscript needs PyTorch ({error}): pip install "drc[train]", or use --engine onnxruntime'
            ) from error
        torch.set_num_threads(threads or available_cores())
        self._bundle = bundle
        self._modules: dict[str, Any] = {}
        self._inputs: dict[str, dict[str, Array]] = {}

    def bind(self, graph: str, outputs: Sequence[str]) -> BoundGraph:
        """As ``Engine.bind``; every run computes all outputs, and only those asked for are copied out."""
        entry = graph_entry(self._bundle, graph, outputs)
        if graph not in self._modules:
            self._modules[graph] = _load(graph, self._bundle.torchscript_bytes(graph))
            self._inputs[graph] = {name: np.zeros(shape, np.float32) for name, shape in entry.inputs.items()}
        results = {name: np.zeros(entry.outputs[name], np.float32) for name in outputs}
        return _Binding(graph, self._modules[graph], entry, self._inputs[graph], results)


class _Binding:
    def __init__(
        self, graph: str, module: Any, entry: GraphEntry, inputs: Mapping[str, Array], outputs: Mapping[str, Array]
    ) -> None:
        import torch

        self.inputs, self.outputs = inputs, outputs
        self._graph, self._module, self._entry = graph, module, entry
        self._tensors = [torch.from_numpy(inputs[name]) for name in entry.inputs]

    def run(self) -> None:
        import torch

        try:
            with torch.inference_mode():
                found: tuple[Tensor, ...] = self._module(*self._tensors)
        except RuntimeError as error:
            raise EngineError(f"TorchScript failed in graph {self._graph}: {_last_line(error)}") from error
        shapes = [tuple(tensor.shape) for tensor in found]
        if shapes != list(self._entry.outputs.values()):
            raise EngineError(f"the TorchScript of {self._graph} returns {shapes}, which is not what the manifest says")
        for name, tensor in zip(self._entry.outputs, found, strict=True):
            if name in self.outputs:
                np.copyto(self.outputs[name], tensor.numpy())


def _load(graph: str, data: bytes) -> Any:
    import torch

    try:
        return torch.jit.load(io.BytesIO(data), map_location="cpu")  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise EngineError(f"PyTorch cannot load the TorchScript of {graph}: {_last_line(error)}") from error


def _last_line(error: Exception) -> str:
    """TorchScript puts its own traceback first and what went wrong last."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
