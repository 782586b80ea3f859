"""TensorRT: runs the engine files that ``drc export --trt`` built on this machine; each run is one CUDA graph launch."""

import weakref
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import GraphEntry
from drc_runtime.engines.cuda import Cuda
from drc_runtime.engines.protocol import Array, BoundGraph, graph_entry
from drc_runtime.engines.tensorrt_files import REBUILD, engine_path, load_tensorrt, read_engine
from drc_runtime.errors import EngineError


class TensorRTEngine:
    """Runs a bundle's TensorRT engines. A file is loaded when its graph is first bound, and kept."""

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        """Loads TensorRT and CUDA. ``threads`` is ignored: it is for CPU backends.

        Raises:
            MissingDependencyError: TensorRT or cuda-python is not installed.
            EngineError: an unsupported version of TensorRT, or no GPU.
        """
        self._bundle = bundle
        self._tensorrt, self._cuda = load_tensorrt(), Cuda()
        self._loaded: dict[str, _Loaded] = {}
        self._built: Mapping[str, bytes] = {}

    @classmethod
    def of_built(cls, bundle: Bundle, engines: Mapping[str, bytes]) -> "TensorRTEngine":
        """Runs engines that this process has built and not yet written, by the names of their graphs; errors as above."""
        engine = cls(bundle)
        engine._built = engines
        return engine

    def bind(self, graph: str, outputs: Sequence[str]) -> BoundGraph:
        """As ``Engine.bind``."""
        entry = graph_entry(self._bundle, graph, outputs)
        if graph not in self._loaded:
            path = engine_path(self._bundle.folder, entry)
            data = self._built.get(graph) or read_engine(
                path, entry, self._cuda.device(), str(self._tensorrt.__version__)
            )
            self._loaded[graph] = _Loaded(self._tensorrt, self._cuda, data, entry, str(path))
        return _Binding(
            self._loaded[graph], self._cuda, {name: np.zeros(entry.outputs[name], np.float32) for name in outputs}
        )


class _Loaded:
    """An engine and its device buffers. Their addresses never change, as a CUDA graph requires."""

    def __init__(self, tensorrt: Any, cuda: Cuda, data: bytes, entry: GraphEntry, name: str) -> None:
        self.name, self._cuda = name, cuda
        logger = tensorrt.Logger(tensorrt.Logger.ERROR)
        tensorrt.init_libnvinfer_plugins(logger, "")  # scatter-add is a plugin
        # each of these must outlive the next
        self._runtime = tensorrt.Runtime(logger)
        self._engine = self._runtime.deserialize_cuda_engine(data)
        if self._engine is None:
            raise EngineError(f"TensorRT cannot load {name}: {REBUILD}")
        self._check(tensorrt, {**entry.inputs, **entry.outputs})
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise EngineError(f"TensorRT cannot run {name}: the GPU has too little free memory")
        self.inputs = {tensor: np.zeros(shape, np.float32) for tensor, shape in entry.inputs.items()}
        self.addresses: dict[str, int] = {}
        for tensor, shape in (*entry.inputs.items(), *entry.outputs.items()):
            address = self.addresses[tensor] = cuda.allocate(4 * prod(shape))
            weakref.finalize(self, cuda.free, address)
            if not self._context.set_tensor_address(tensor, address):
                raise EngineError(f"TensorRT refuses a buffer for {tensor} of {name}: {REBUILD}")
        self.stream = cuda.stream()
        self._graph: Any = None
        self._runs = 0

    def execute(self) -> None:
        """Queues one run. The second run is recorded as a CUDA graph, which that run and all later ones launch."""
        self._runs += 1
        if self._runs == 2:
            self._graph = self._captured()
        if self._graph is not None:
            self._cuda.launch(self._graph, self.stream)
        elif not self._context.execute_async_v3(int(self.stream)):
            raise EngineError(f"TensorRT failed in {self.name}")

    def _captured(self) -> Any:
        """Records a run; None if this engine cannot be recorded, which is then run without a CUDA graph."""
        try:
            self._cuda.begin_capture(self.stream)
            queued = self._context.execute_async_v3(int(self.stream))
            graph = self._cuda.end_capture(self.stream)
        except EngineError:
            return None
        return graph if queued else None

    def _check(self, tensorrt: Any, declared: Mapping[str, tuple[int, ...]]) -> None:
        """Refuses an engine whose tensors differ from the manifest: it would write past the end of the buffers."""
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        found = {name: tuple(self._engine.get_tensor_shape(name)) for name in names}
        if found != dict(declared):
            raise EngineError(f"{self.name} has the tensors {found}, but the manifest says {dict(declared)}: {REBUILD}")
        for name in names:
            if self._engine.get_tensor_dtype(name) != tensorrt.float32:
                raise EngineError(f"{self.name}: {name} is not float32: {REBUILD}")


class _Binding:
    def __init__(self, loaded: _Loaded, cuda: Cuda, outputs: Mapping[str, Array]) -> None:
        self.inputs: Mapping[str, Array] = loaded.inputs
        self.outputs = outputs
        self._loaded, self._cuda = loaded, cuda

    def run(self) -> None:
        loaded = self._loaded
        for name, array in self.inputs.items():
            self._cuda.upload(loaded.addresses[name], array, loaded.stream)
        loaded.execute()
        for name, array in self.outputs.items():
            self._cuda.download(array, loaded.addresses[name], loaded.stream)
        self._cuda.synchronise(loaded.stream)
