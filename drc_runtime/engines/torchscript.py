"""TorchScript: runs a bundle with PyTorch. Only the operators that ``drc export`` writes are run, see ``torchscript_check``.

PyTorch is imported inside the functions: the rest of the runtime works without it.
"""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import GraphEntry
from drc_runtime.engines.protocol import Array, BoundGraph, graph_entry
from drc_runtime.engines.torchscript_check import check_archive, check_graph
from drc_runtime.errors import EngineError
from drc_runtime.machine import available_cores
from drc_runtime.packages import require

if TYPE_CHECKING:
    from torch import Tensor


class TorchScriptEngine:
    """Runs a bundle's TorchScript files on the CPU. A file is loaded when its graph is first bound, and kept."""

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        """Sets PyTorch's number of threads.

        Args:
            bundle: the graphs.
            threads: CPU threads for one run; None: as many as ``available_cores``.

        Raises:
            MissingDependencyError: PyTorch is not installed.
        """
        torch = require("torch", extra="train", purpose="--engine torchscript")
        torch.set_num_threads(threads or available_cores())
        self._bundle = bundle
        self._modules: dict[str, Any] = {}
        self._inputs: dict[str, dict[str, Array]] = {}

    def bind(self, graph: str, outputs: Sequence[str]) -> BoundGraph:
        """As ``Engine.bind``. A run computes all outputs and copies the requested ones."""
        entry = graph_entry(self._bundle, graph, outputs)
        if graph not in self._modules:
            self._modules[graph] = _load(graph, self._bundle.torchscript_bytes(graph), self._bundle)
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
        except Exception as error:
            # PyTorch's errors have no common base class
            raise EngineError(f"TorchScript failed in graph {self._graph}: {_last_line(error)}") from error
        expected = [(shape, torch.float32) for shape in self._entry.outputs.values()]
        if not isinstance(found, tuple) or [_kind(value) for value in found] != expected:
            raise EngineError(
                f"the TorchScript of {self._graph} returns other tensors than the manifest says: export the bundle again"
            )
        for name, tensor in zip(self._entry.outputs, found, strict=True):
            if name in self.outputs:
                np.copyto(self.outputs[name], tensor.numpy())


def _kind(value: Any) -> tuple[tuple[int, ...], Any] | None:
    """Shape and type of a plain tensor in this process's memory; None for anything else."""
    import torch

    if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.device.type != "cpu":
        return None
    return tuple(value.shape), value.dtype


def _load(graph: str, data: bytes, bundle: Bundle) -> Any:
    import torch

    name = f"{bundle.folder}: the TorchScript of {graph}"
    check_archive(data, name)
    try:
        module = torch.jit.load(io.BytesIO(data), map_location="cpu")  # type: ignore[no-untyped-call]
    except Exception as error:
        # as in run: no common base class
        raise EngineError(f"PyTorch cannot load the TorchScript of {graph}: {_last_line(error)}") from error
    check_graph(module, name)
    return module


def _last_line(error: Exception) -> str:
    """TorchScript's errors begin with a traceback and end with the reason."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
