"""The inference backends by name; each is imported on first use."""

from collections.abc import Callable
from importlib import import_module

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.engines.protocol import Engine
from drc_runtime.errors import UsageError
from drc_runtime.machine import check_threads

PROCESSOR = "onnxruntime"
"""The engine that the others are compared with: onnxruntime's own processor code, which the export verified."""
ENGINES = {
    PROCESSOR: "drc_runtime.engines.onnxruntime:OnnxRuntimeEngine",
    "onnxruntime-cuda": "drc_runtime.engines.onnxruntime:OnnxRuntimeCudaEngine",
    "onnxruntime-tensorrt": "drc_runtime.engines.onnxruntime:OnnxRuntimeTensorRTEngine",
    "torchscript": "drc_runtime.engines.torchscript:TorchScriptEngine",
    "tensorrt": "drc_runtime.engines.tensorrt:TensorRTEngine",
}
"""Name -> ``module:class``. The class is called with a bundle and the number of threads."""


def load_engine(name: str, bundle: Bundle, threads: int | None = None) -> Engine:
    """Creates the backend ``name`` for a bundle.

    Args:
        name: a key of ``ENGINES``.
        bundle: its graphs are loaded when they are bound.
        threads: CPU threads for one run; None: as many as ``available_cores``. TensorRT ignores it.

    Raises:
        UsageError: an unknown backend, or more threads than ``check_threads`` allows.
        MissingDependencyError: its package is not installed.
        EngineError: it cannot work on this machine, or with this bundle.
    """
    if name not in ENGINES:
        raise UsageError(f"no engine {name!r}: choose one of {', '.join(ENGINES)}")
    check_threads(threads)
    module, attribute = ENGINES[name].split(":")
    engine: Callable[[Bundle, int | None], Engine] = getattr(import_module(module), attribute)
    return engine(bundle, threads)
