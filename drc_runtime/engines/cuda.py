"""The few calls of the CUDA runtime that an engine makes through cuda-python, each with its status checked."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from drc_runtime.engines.protocol import Array
from drc_runtime.errors import EngineError, MissingDependencyError


@dataclass(frozen=True)
class Device:
    """The graphics card that CUDA uses first."""

    name: str
    compute_capability: str


class Cuda:
    """The CUDA runtime on device 0. Addresses and handles are those of cuda-python."""

    def __init__(self) -> None:
        """Finds cuda-python and a card.

        Raises:
            MissingDependencyError: cuda-python is not installed.
            EngineError: no card, or its driver does not answer.
        """
        self._api = _load()
        try:
            count = self._checked(self._api.cudaGetDeviceCount())
        except (EngineError, RuntimeError) as error:
            raise EngineError(f"no NVIDIA GPU can be used here ({error}); use --engine onnxruntime") from error
        if count < 1:
            raise EngineError("no NVIDIA GPU in this machine; use --engine onnxruntime")

    def device(self) -> Device:
        """What device 0 is."""
        properties = self._checked(self._api.cudaGetDeviceProperties(0))
        name = bytes(properties.name).split(b"\0")[0].decode("utf-8", "replace")
        return Device(name, f"{properties.major}.{properties.minor}")

    def allocate(self, size: int) -> int:
        """``size`` bytes on the device."""
        return int(self._checked(self._api.cudaMalloc(size)))

    def free(self, address: int) -> None:
        """Gives ``allocate``'s memory back. It runs when objects die, where nobody could catch an error."""
        self._api.cudaFree(address)

    def stream(self) -> Any:
        """A new stream; ``int`` of it is its handle."""
        return self._checked(self._api.cudaStreamCreate())

    def upload(self, address: int, array: Array, stream: Any) -> None:
        """Copies ``array`` to the device, in the stream's order."""
        kind = self._api.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._checked(self._api.cudaMemcpyAsync(address, array.ctypes.data, array.nbytes, kind, stream))

    def download(self, array: Array, address: int, stream: Any) -> None:
        """Copies from the device into ``array``, in the stream's order."""
        kind = self._api.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._checked(self._api.cudaMemcpyAsync(array.ctypes.data, address, array.nbytes, kind, stream))

    def synchronise(self, stream: Any) -> None:
        """Waits until the stream's work is done."""
        self._checked(self._api.cudaStreamSynchronize(stream))

    def begin_capture(self, stream: Any) -> None:
        """From now on the stream's work is recorded instead of done."""
        mode = self._api.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._checked(self._api.cudaStreamBeginCapture(stream, mode))

    def end_capture(self, stream: Any) -> Any:
        """What was recorded, ready to be launched."""
        graph = self._checked(self._api.cudaStreamEndCapture(stream))
        return self._checked(self._api.cudaGraphInstantiate(graph, 0))

    def launch(self, graph: Any, stream: Any) -> None:
        """Does what ``end_capture`` returned."""
        self._checked(self._api.cudaGraphLaunch(graph, stream))

    def _checked(self, result: tuple[Any, ...]) -> Any:
        status, *values = result
        if status != self._api.cudaError_t.cudaSuccess:
            raise EngineError(f"CUDA reports {getattr(status, 'name', status)}")
        return values[0] if values else None


def _load() -> Any:
    for module in ("cuda.bindings.runtime", "cuda.cudart"):  # its name since cuda-python 12.6, and before
        try:
            return import_module(module)
        except ImportError as error:
            missing = error
    raise MissingDependencyError(f'TensorRT needs cuda-python ({missing}): pip install "drc[trt]"') from missing
