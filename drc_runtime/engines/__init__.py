"""The backends behind one protocol, by name; each is imported when it is asked for."""

from collections.abc import Callable
from importlib import import_module

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.engines.protocol import Engine
from drc_runtime.errors import UsageError

ENGINES = {
    "onnxruntime": "drc_runtime.engines.onnxruntime:OnnxRuntimeEngine",
    "onnxruntime-cuda": "drc_runtime.engines.onnxruntime:OnnxRuntimeCudaEngine",
    "onnxruntime-tensorrt": "drc_runtime.engines.onnxruntime:OnnxRuntimeTensorRTEngine",
    "torchscript": "drc_runtime.engines.torchscript:TorchScriptEngine",
    "tensorrt": "drc_runtime.engines.tensorrt:TensorRTEngine",
}
"""Name to the class, which is made with the bundle and the number of threads."""


def load_engine(name: str, bundle: Bundle, threads: int | None = None) -> Engine:
    """The backend ``name`` over a bundle's graphs.

    Args:
        name: one of ``ENGINES``.
        bundle: what it runs.
        threads: cores that a run may use; None takes all that this process may use. Backends without threads ignore it.

    Raises:
        UsageError: no such backend.
        MissingDependencyError: its package is not installed.
        EngineError: it cannot work on this machine, or cannot run this bundle.
    """
    if name not in ENGINES:
        raise UsageError(f"no engine {name!r}: choose one of {', '.join(ENGINES)}")
    module, attribute = ENGINES[name].split(":")
    engine: Callable[[Bundle, int | None], Engine] = getattr(import_module(module), attribute)
    return engine(bundle, threads)
