"""The calls of the CUDA runtime that the TensorRT engine needs, through cuda-python, with their status checked."""

from dataclasses import dataclass
from typing import Any

from drc_runtime.engines.protocol import Array
from drc_runtime.errors import EngineError
from drc_runtime.packages import require


@dataclass(frozen=True)
class Device:
    """The GPU that CUDA lists first."""

    name: str
    compute_capability: str


class Cuda:
    """The CUDA runtime on device 0. Addresses and handles are the ones of cuda-python."""

    def __init__(self) -> None:
        """Loads cuda-python and checks that there is a GPU.

        Raises:
            MissingDependencyError: cuda-python is not installed.
            EngineError: no GPU, or its driver does not answer.
        """
        self._api = require("cuda.bindings.runtime", extra="trt", purpose="TensorRT")
        try:
            count = self._checked(self._api.cudaGetDeviceCount())
        except (EngineError, RuntimeError) as error:
            raise EngineError(f"no NVIDIA GPU can be used here ({error}); use --engine onnxruntime") from error
        if count < 1:
            raise EngineError("no NVIDIA GPU in this machine; use --engine onnxruntime")

    def device(self) -> Device:
        """Name and compute capability of device 0."""
        properties = self._checked(self._api.cudaGetDeviceProperties(0))
        name = bytes(properties.name).split(b"\0")[0].decode("utf-8", "replace")
        return Device(name, f"{properties.major}.{properties.minor}")

    def allocate(self, size: int) -> int:
        """Allocates ``size`` bytes on the device; returns their address."""
        return int(self._checked(self._api.cudaMalloc(size)))

    def free(self, address: int) -> None:
        """Frees memory of ``allocate``. It runs in finalisers, where an error could not be caught: the status is ignored."""
        self._api.cudaFree(address)

    def stream(self) -> Any:
        """Creates a stream; ``int(stream)`` is its handle."""
        return self._checked(self._api.cudaStreamCreate())

    def upload(self, address: int, array: Array, stream: Any) -> None:
        """Queues a copy of ``array`` to the device."""
        kind = self._api.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._checked(self._api.cudaMemcpyAsync(address, array.ctypes.data, array.nbytes, kind, stream))

    def download(self, array: Array, address: int, stream: Any) -> None:
        """Queues a copy from the device into ``array``."""
        kind = self._api.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._checked(self._api.cudaMemcpyAsync(array.ctypes.data, address, array.nbytes, kind, stream))

    def synchronise(self, stream: Any) -> None:
        """Waits until the stream has done all that is queued."""
        self._checked(self._api.cudaStreamSynchronize(stream))

    def begin_capture(self, stream: Any) -> None:
        """Begins a CUDA graph: the stream records what is queued instead of doing it."""
        mode = self._api.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._checked(self._api.cudaStreamBeginCapture(stream, mode))

    def end_capture(self, stream: Any) -> Any:
        """Ends the recording; returns the CUDA graph."""
        graph = self._checked(self._api.cudaStreamEndCapture(stream))
        return self._checked(self._api.cudaGraphInstantiate(graph, 0))

    def launch(self, graph: Any, stream: Any) -> None:
        """Queues the CUDA graph of ``end_capture``."""
        self._checked(self._api.cudaGraphLaunch(graph, stream))

    def _checked(self, result: tuple[Any, ...]) -> Any:
        status, *values = result
        if status != self._api.cudaError_t.cudaSuccess:
            raise EngineError(f"CUDA reports {getattr(status, 'name', status)}")
        return values[0] if values else None
