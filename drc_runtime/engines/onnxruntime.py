"""onnxruntime: the default backend, on the CPU; and its CUDA and TensorRT execution providers."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import onnxruntime as ort

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import GraphEntry
from drc_runtime.engines.protocol import Array, BoundGraph, graph_entry
from drc_runtime.errors import EngineError, MissingDependencyError
from drc_runtime.machine import available_cores

_PROCESSOR = "CPUExecutionProvider"
LARGEST_MEMORY = 4 << 30
"""Bytes for the tensors of all graphs on the CPU together. A graph from an unknown source can ask for any number of them: one
``Expand`` to a large shape is enough. With the bundled samples the whole process stays under 0.1 GiB."""

ort.set_default_logger_severity(4)  # its errors are raised; its log would print names of a graph as they are


class OnnxRuntimeEngine:
    """Runs a bundle on the CPU. A graph is loaded when it is first bound, and kept."""

    providers: Mapping[str, Mapping[str, str]] = {_PROCESSOR: {}}
    """Execution providers and their options. The first must work; the others are for operators that it does not support."""

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        """Checks that the provider exists.

        Args:
            bundle: the graphs.
            threads: CPU threads for one run; None: as many as ``available_cores``.

        Raises:
            MissingDependencyError: this build of onnxruntime does not have the provider.
        """
        built = ort.get_available_providers()
        if self._first not in built:
            raise MissingDependencyError(
                f"the installed onnxruntime has no {self._first} (it has {', '.join(built)}): "
                "pip uninstall onnxruntime, then pip install onnxruntime-gpu"
            )
        self._bundle = bundle
        # onnxruntime's own default counts all cores of the machine, also in a container that may use only some.
        self._threads = threads or available_cores()
        self._sessions: dict[str, ort.InferenceSession] = {}
        self._inputs: dict[str, dict[str, Array]] = {}

    @property
    def _first(self) -> str:
        return next(iter(self.providers))

    def bind(self, graph: str, outputs: Sequence[str]) -> BoundGraph:
        """As ``Engine.bind``."""
        entry = graph_entry(self._bundle, graph, outputs)
        session = self._session(graph, entry)
        results = {name: np.zeros(entry.outputs[name], np.float32) for name in outputs}
        return _Binding(session, self._inputs[graph], results)

    def _session(self, graph: str, entry: GraphEntry) -> ort.InferenceSession:
        if graph in self._sessions:
            return self._sessions[graph]
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        # Without this, idle threads spin and take the cores from decoding and drawing; no step becomes faster.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if list(self.providers) == [_PROCESSOR]:
            _bound_memory()
            options.add_session_config_entry("session.use_env_allocators", "1")
        try:
            session = ort.InferenceSession(
                self._bundle.graph_bytes(graph),
                options,
                providers=list(self.providers),
                provider_options=[dict(it) for it in self.providers.values()],
                enable_fallback=0,  # else a provider that fails is replaced by the CPU, with only a line on stdout
            )
        except Exception as error:
            # onnxruntime's errors have no common base class
            raise EngineError(f"onnxruntime cannot load graph {graph}: {_reason(error)}") from error
        if self._first not in session.get_providers():
            # onnxruntime only logs this and continues without the provider
            raise EngineError(
                f"onnxruntime could not start its {self._first}: no NVIDIA GPU here, or a library of CUDA, cuDNN or TensorRT "
                "that it was built for is missing; use --engine onnxruntime"
            )
        _check(graph, entry, session)
        self._inputs[graph] = {name: np.zeros(shape, np.float32) for name, shape in entry.inputs.items()}
        self._sessions[graph] = session
        return session


class OnnxRuntimeCudaEngine(OnnxRuntimeEngine):
    """Runs on an NVIDIA GPU. Untested on real hardware."""

    # Disables TF32 (10-bit mantissa).
    providers = {"CUDAExecutionProvider": {"use_tf32": "0"}}


class OnnxRuntimeTensorRTEngine(OnnxRuntimeEngine):
    """Runs on an NVIDIA GPU with TensorRT; operators that it lacks run with CUDA. Untested on real hardware."""

    providers = {"TensorrtExecutionProvider": {}, **OnnxRuntimeCudaEngine.providers}


def _check(graph: str, entry: GraphEntry, session: ort.InferenceSession) -> None:
    """Refuses a graph whose tensors differ from the manifest: a run would write past the end of the bound buffers."""
    for kind, declared, found in (
        ("input", entry.inputs, session.get_inputs()),
        ("output", entry.outputs, session.get_outputs()),
    ):
        actual = {tensor.name: (tuple(tensor.shape), tensor.type) for tensor in found}
        expected = {name: (tuple(shape), "tensor(float)") for name, shape in declared.items()}
        if actual != expected:
            raise EngineError(f"graph {graph}: its {kind}s are {actual}, but the manifest says {expected}")


class _Binding:
    """Passes the buffers' addresses to onnxruntime.

    On the plain processor once, so that a run copies and allocates nothing. Every other provider copies an input to its own
    memory when it is bound, not when it runs. So its inputs are bound again before each run, and its outputs are read after
    the device has finished.
    """

    def __init__(self, session: ort.InferenceSession, inputs: Mapping[str, Array], outputs: Mapping[str, Array]):
        self.inputs, self.outputs = inputs, outputs
        self._session = session
        self._io = session.io_binding()
        self._has_device = any(provider != _PROCESSOR for provider in session.get_providers())
        self._bind_inputs()
        for name, buffer in outputs.items():
            self._io.bind_output(name, "cpu", 0, np.float32, buffer.shape, buffer.ctypes.data)

    def run(self) -> None:
        try:
            if self._has_device:
                self._bind_inputs()
                self._io.synchronize_inputs()
            self._session.run_with_iobinding(self._io)
            if self._has_device:
                self._io.synchronize_outputs()
        except Exception as error:
            # as in _session: no common base class
            raise EngineError(f"onnxruntime failed: {_reason(error)}") from error

    def _bind_inputs(self) -> None:
        for name, buffer in self.inputs.items():
            self._io.bind_input(name, "cpu", 0, np.float32, buffer.shape, buffer.ctypes.data)


@cache
def _bound_memory() -> None:
    """Gives the sessions of this process one arena of ``LARGEST_MEMORY``."""
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg(LARGEST_MEMORY, -1, -1, -1))


def _reason(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if "Available memory of" in line or "Failed to allocate memory" in line:
        return f"the graph needs more than {LARGEST_MEMORY >> 30} GiB of memory, or more than there is"
    return line
