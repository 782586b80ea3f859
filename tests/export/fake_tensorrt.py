"""Stand-ins for the tensorrt package and for cuda-python.

The "engine" is the ONNX file, run by onnxruntime on "device" memory that is a dictionary of arrays, so what goes in and comes out
of an engine is checked as well.
"""

import ctypes
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime


class FakeCuda(ModuleType):
    """cuda.bindings.runtime on the host: addresses are those of numpy arrays, a captured graph is what was queued."""

    def __init__(self) -> None:
        super().__init__("cuda.bindings.runtime")
        self.cudaError_t = SimpleNamespace(cudaSuccess=0)
        self.cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)
        self.cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)
        self.count, self.name, self.status, self.capturable = 1, b"Fake GPU", 0, True
        self.memory: dict[int, np.ndarray] = {}
        self.recorded: list[Any] | None = None
        self.launches = 0

    def cudaGetDeviceCount(self) -> tuple[int, int]:
        return self.status, self.count

    def cudaGetDeviceProperties(self, device: int) -> tuple[int, Any]:
        return 0, SimpleNamespace(name=self.name + bytes(8), major=9, minor=0)

    def cudaMalloc(self, size: int) -> tuple[int, int]:
        array = np.zeros(size, np.uint8)
        self.memory[array.ctypes.data] = array
        return 0, array.ctypes.data

    def cudaFree(self, address: int) -> tuple[int]:
        del self.memory[address]
        return (0,)

    def cudaStreamCreate(self) -> tuple[int, int]:
        return 0, 77

    def cudaMemcpyAsync(self, target: int, source: int, size: int, kind: int, stream: int) -> tuple[int]:
        assert self.recorded is None and stream == 77 and (target if kind == 1 else source) in self.memory
        ctypes.memmove(target, source, size)
        return (0,)

    def cudaStreamSynchronize(self, stream: int) -> tuple[int]:
        return (0,)

    def cudaStreamBeginCapture(self, stream: int, mode: int) -> tuple[int]:
        self.recorded = []
        return (0,)

    def cudaStreamEndCapture(self, stream: int) -> tuple[int, Any]:
        recorded, self.recorded = self.recorded, None
        return (0, recorded) if self.capturable else (900, None)

    def cudaGraphInstantiate(self, graph: Any, flags: int) -> tuple[int, Any]:
        return 0, graph

    def cudaGraphLaunch(self, graph: Any, stream: int) -> tuple[int]:
        self.launches += 1
        for work in graph:
            work()
        return (0,)


class FakeTensorRT(ModuleType):
    """The package, as its documentation has it; version 11 lacks the flag for strong typing, which it always has on."""

    def __init__(self, cuda: FakeCuda, version: str) -> None:
        super().__init__("tensorrt")
        self.__version__, self.cuda, self.calls = version, cuda, list[Any]()
        self.parses, self.builds, self.loads, self.error = True, True, True, "an\nerror"
        self.float32 = "float32"
        self.NetworkDefinitionCreationFlag = SimpleNamespace()
        if version.startswith("10."):
            self.NetworkDefinitionCreationFlag.STRONGLY_TYPED = 1
        self.BuilderFlag = SimpleNamespace(TF32=7)
        fake = self

        class ILogger:
            Severity = SimpleNamespace(INTERNAL_ERROR=0, ERROR=1)

        class Logger(ILogger):
            ERROR = 1

            def __init__(self, severity: int) -> None:
                pass

        class IProgressMonitor:
            pass

        class Config:
            progress_monitor: Any = None

            def clear_flag(self, flag: int) -> None:
                fake.calls.append(("clear_flag", flag))

            def create_timing_cache(self, data: bytes) -> SimpleNamespace:
                return SimpleNamespace(data=data, serialize=lambda: b"timings of " + fake.__version__.encode())

            def set_timing_cache(self, cache: SimpleNamespace, ignore_mismatch: bool) -> bool:
                fake.calls.append(("timing cache", cache.data))
                self.cache = cache
                return True

            def get_timing_cache(self) -> SimpleNamespace:
                return self.cache

        class Builder:
            def __init__(self, logger: Any) -> None:
                self.logger = logger

            def create_network(self, flags: int) -> SimpleNamespace:
                fake.calls.append(("create_network", flags))
                return SimpleNamespace(onnx=b"")

            def create_builder_config(self) -> Config:
                return Config()

            def build_serialized_network(self, network: SimpleNamespace, config: Config) -> memoryview | None:
                if config.progress_monitor is not None:
                    config.progress_monitor.phase_start("tactics", None, 5)
                    assert config.progress_monitor.step_complete("tactics", 0) is True
                    config.progress_monitor.phase_finish("tactics")
                if not fake.builds:
                    self.logger.log(1, fake.error)
                return memoryview(network.onnx) if fake.builds else None

        class OnnxParser:
            num_errors = 1

            def __init__(self, network: SimpleNamespace, logger: Any) -> None:
                self.network = network

            def parse(self, onnx: bytes) -> bool:
                self.network.onnx = onnx
                return fake.parses

            def get_error(self, index: int) -> SimpleNamespace:
                return SimpleNamespace(desc=lambda: fake.error)

        class Context:
            def __init__(self, session: onnxruntime.InferenceSession) -> None:
                self.session, self.addresses = session, dict[str, int]()

            def set_tensor_address(self, name: str, address: int) -> bool:
                self.addresses[name] = address
                return True

            def execute_async_v3(self, stream: int) -> bool:
                assert stream == 77
                if fake.cuda.recorded is not None:
                    fake.cuda.recorded.append(self.compute)
                else:
                    self.compute()
                return True

            def compute(self) -> None:
                def view(tensor: Any) -> np.ndarray:
                    return fake.cuda.memory[self.addresses[tensor.name]].view(np.float32).reshape(tensor.shape)

                found = self.session.run(None, {tensor.name: view(tensor) for tensor in self.session.get_inputs()})
                for tensor, value in zip(self.session.get_outputs(), found, strict=True):
                    view(tensor)[...] = value

        class Engine:
            def __init__(self, data: bytes) -> None:
                self.session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
                self.tensors = [*self.session.get_inputs(), *self.session.get_outputs()]
                self.num_io_tensors = len(self.tensors)

            def get_tensor_name(self, index: int) -> str:
                return str(self.tensors[index].name)

            def get_tensor_shape(self, name: str) -> list[int]:
                return next(tensor.shape for tensor in self.tensors if tensor.name == name)

            def get_tensor_dtype(self, name: str) -> str:
                return "float32"

            def create_execution_context(self) -> Context:
                return Context(self.session)

        class Runtime:
            def __init__(self, logger: Any) -> None:
                pass

            def deserialize_cuda_engine(self, data: bytes) -> Engine | None:
                return Engine(data) if fake.loads else None

        self.ILogger, self.Logger, self.IProgressMonitor = ILogger, Logger, IProgressMonitor
        self.Builder, self.OnnxParser, self.Runtime = Builder, OnnxParser, Runtime

    def init_libnvinfer_plugins(self, logger: Any, namespace: str) -> bool:
        self.calls.append("plugins")
        return True
