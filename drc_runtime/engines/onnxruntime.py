"""onnxruntime: the backend that every machine has, and its two roads to an NVIDIA card."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnxruntime as ort

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import GraphEntry
from drc_runtime.engines.protocol import Array, BoundGraph, graph_entry
from drc_runtime.errors import EngineError, MissingDependencyError
from drc_runtime.machine import available_cores

ort.set_default_logger_severity(3)  # its warnings are for whoever exported the graph, who has checked it


class OnnxRuntimeEngine:
    """Loads a graph of a bundle on first use and keeps it."""

    providers: Mapping[str, Mapping[str, str]] = {"CPUExecutionProvider": {}}
    """Execution providers and their options, the preferred first; a run without the first of them is refused."""

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        """``threads``: how many cores a run may use; None takes those that this process may run on.

        Raises:
            MissingDependencyError: the installed onnxruntime was built without the provider.
        """
        built = ort.get_available_providers()
        if self._first not in built:
            raise MissingDependencyError(
                f"the installed onnxruntime has no {self._first} (it has {', '.join(built)}): "
                "pip uninstall onnxruntime, then pip install onnxruntime-gpu"
            )
        self._bundle = bundle
        # In a container that is limited to some cores, onnxruntime's own default counts all of the machine's
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
        # Threads that spin between runs take the cores from decoding and drawing, and make no step faster.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = ort.InferenceSession(
                self._bundle.graph_bytes(graph),
                options,
                providers=list(self.providers),
                provider_options=[dict(it) for it in self.providers.values()],
                enable_fallback=0,  # or a provider that fails in a run is left for the processor, with a line on stdout
            )
        except Exception as error:
            # onnxruntime raises a family of errors without a common base of its own
            raise EngineError(f"onnxruntime cannot load graph {graph}: {_first_line(error)}") from error
        if self._first not in session.get_providers():
            # it says so in its log, which nobody reads, and goes on without it
            raise EngineError(
                f"onnxruntime could not start its {self._first}: no NVIDIA GPU here, or a library of CUDA, cuDNN or TensorRT "
                "that it was built for is missing; use --engine onnxruntime"
            )
        _check(graph, entry, session)
        self._inputs[graph] = {name: np.zeros(shape, np.float32) for name, shape in entry.inputs.items()}
        self._sessions[graph] = session
        return session


class OnnxRuntimeCudaEngine(OnnxRuntimeEngine):
    """The same on an NVIDIA card. Never run by us, for want of one."""

    # by default it multiplies with 10 bits of a number, and calls that float32
    providers = {"CUDAExecutionProvider": {"use_tf32": "0"}}


class OnnxRuntimeTensorRTEngine(OnnxRuntimeEngine):
    """The same through TensorRT, what that does not take through CUDA. Never run by us, for want of a card."""

    providers = {"TensorrtExecutionProvider": {}, **OnnxRuntimeCudaEngine.providers}


def _check(graph: str, entry: GraphEntry, session: ort.InferenceSession) -> None:
    """The file has to be what the manifest says, or bound buffers would be written past their end."""
    for kind, declared, found in (
        ("input", entry.inputs, session.get_inputs()),
        ("output", entry.outputs, session.get_outputs()),
    ):
        actual = {tensor.name: (tuple(tensor.shape), tensor.type) for tensor in found}
        expected = {name: (tuple(shape), "tensor(float)") for name, shape in declared.items()}
        if actual != expected:
            raise EngineError(f"graph {graph}: its {kind}s are {actual}, but the manifest says {expected}")


class _Binding:
    """Buffers are handed over by address once, so that a run copies and allocates nothing."""

    def __init__(self, session: ort.InferenceSession, inputs: Mapping[str, Array], outputs: Mapping[str, Array]):
        self.inputs, self.outputs = inputs, outputs
        self._session = session
        self._io = session.io_binding()
        for name, buffer in inputs.items():
            self._io.bind_input(name, "cpu", 0, np.float32, buffer.shape, buffer.ctypes.data)
        for name, buffer in outputs.items():
            self._io.bind_output(name, "cpu", 0, np.float32, buffer.shape, buffer.ctypes.data)

    def run(self) -> None:
        try:
            self._session.run_with_iobinding(self._io)
        except Exception as error:
            # as in _session: no common base
            raise EngineError(f"onnxruntime failed: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
