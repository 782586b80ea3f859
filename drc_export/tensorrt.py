"""Builds TensorRT engines of a bundle on the machine that will run them (``drc export --trt``).

Networks are strongly typed: TensorRT 11 supports nothing else, and the precision is then that of the ONNX file. Every graph of
the bundle gets an engine; ``drc export --graphs`` says which there are.
"""

import hashlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from drc_export.verify import FLOAT16, FLOAT32
from drc_runtime.atomic import atomic_write
from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import HALF_PRECISION, GraphEntry
from drc_runtime.engines.cuda import Cuda
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.engines.protocol import Array
from drc_runtime.engines.tensorrt import TensorRTEngine
from drc_runtime.engines.tensorrt_files import EngineRecord, engine_path, load_tensorrt, write_engine
from drc_runtime.errors import EngineError, OutputError, VerificationError

INPUTS = 4
"""Random inputs on which an engine is compared with onnxruntime."""
LATE = 20
"""Steps of the chain from every second of these inputs before the comparison: the latents that a run ends with are longer."""
Progress = Callable[[str], None]
"""Called with a line that says which phase runs and for how many seconds the build has run."""


@dataclass(frozen=True)
class BuiltEngine:
    """One engine that ``build_engines`` wrote."""

    graph: str
    file: Path
    seconds: float
    bytes: int


def build_engines(folder: Path, *, verified: bool = True, progress: Progress | None = None) -> list[BuiltEngine]:
    """Builds and verifies the engines of a bundle and writes them into its folder; other files stay as they are.

    Args:
        folder: a bundle.
        verified: compare each engine with onnxruntime on random inputs; one that deviates is not written.
        progress: called with the progress, also from other threads.

    Raises:
        BundleError: no bundle, or a damaged one.
        MissingDependencyError: TensorRT or cuda-python is not installed.
        EngineError: unsupported version of TensorRT, no GPU, or TensorRT refuses a graph.
        VerificationError: an engine deviates from its ONNX graph.
        OutputError: a file cannot be written, or another process builds engines of this bundle.
        KeyboardInterrupt: by Ctrl-C; an engine that was not yet verified is not written.
    """
    bundle = Bundle.load(folder)
    tensorrt, device = load_tensorrt(), Cuda().device()
    built = []
    with _lock(folder):
        for graph, entry in bundle.manifest.graphs.items():
            started = time.monotonic()
            cache = folder / f".tensorrt-{tensorrt.__version__}-{device.compute_capability}.cache"
            plan = _build(tensorrt, bundle.graph_bytes(graph), graph, cache, progress)
            record = EngineRecord(
                gpu=device.name,
                compute_capability=device.compute_capability,
                tensorrt=str(tensorrt.__version__),
                precision="fp16" if graph.endswith(HALF_PRECISION) else "fp32",
                onnx_sha256=entry.sha256,
                engine_sha256=hashlib.sha256(plan).hexdigest(),
            )
            if verified:
                _verify(bundle, graph, entry, plan)
            path = engine_path(folder, entry)
            write_engine(path, plan, record)
            built.append(BuiltEngine(graph, path, time.monotonic() - started, len(plan)))
    return built


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / ".tensorrt.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise OutputError(f"another drc export --trt builds engines in {folder}: wait until it has finished") from error
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def _build(tensorrt: Any, onnx: bytes, graph: str, cache_file: Path, progress: Progress | None) -> bytes:
    """The serialised engine of one graph; kernel timings are cached for the next build."""
    logger = _logger(tensorrt)
    tensorrt.init_libnvinfer_plugins(logger, "")  # ScatterElements with add is a plugin
    builder = tensorrt.Builder(logger)
    flag = getattr(tensorrt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)  # 11 has no flag: all networks are
    network = builder.create_network(0 if flag is None else 1 << int(flag))
    parser = tensorrt.OnnxParser(network, logger)
    if not parser.parse(onnx):
        reasons = [parser.get_error(index).desc() for index in range(parser.num_errors)]
        raise EngineError(
            f"TensorRT {tensorrt.__version__} cannot read graph {graph}: {_line(reasons + logger.errors)}"
        )
    config = builder.create_builder_config()
    if hasattr(tensorrt.BuilderFlag, "TF32"):
        config.clear_flag(tensorrt.BuilderFlag.TF32)  # 10-bit mantissa
    cache = config.create_timing_cache(_read(cache_file))
    if not config.set_timing_cache(cache, False):
        config.set_timing_cache(config.create_timing_cache(b""), False)
    with _cancellable() as cancelled:
        config.progress_monitor = _monitor(tensorrt, graph, progress, cancelled)
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineError(f"TensorRT {tensorrt.__version__} cannot build graph {graph}: {_line(logger.errors)}")
    with suppress(OutputError):  # the cache only speeds up the next build
        atomic_write(cache_file, bytes(config.get_timing_cache().serialize()))
    return bytes(plan)


@contextmanager
def _cancellable() -> Iterator[threading.Event]:
    """Ctrl-C sets the event, and raises KeyboardInterrupt when the block has ended: no exception may pass through TensorRT."""
    cancelled = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield cancelled
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: cancelled.set())
    try:
        yield cancelled
    finally:
        signal.signal(signal.SIGINT, before)
    if cancelled.is_set():
        raise KeyboardInterrupt


def _logger(tensorrt: Any) -> Any:
    class Logger(tensorrt.ILogger):  # type: ignore[misc]
        """Keeps the errors for the message of an exception and drops everything else."""

        def __init__(self) -> None:
            tensorrt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (tensorrt.ILogger.Severity.ERROR, tensorrt.ILogger.Severity.INTERNAL_ERROR):
                self.errors.append(message)

    return Logger()


def _monitor(tensorrt: Any, graph: str, progress: Progress | None, cancelled: threading.Event) -> Any:
    class Monitor(tensorrt.IProgressMonitor):  # type: ignore[misc]
        """Reports the progress of the innermost phase and ends a cancelled build; TensorRT calls it from several threads."""

        def __init__(self) -> None:
            tensorrt.IProgressMonitor.__init__(self)
            self.started, self.steps = time.monotonic(), dict[str, int]()

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self.steps[phase] = steps

        def step_complete(self, phase: str, step: int) -> bool:
            seconds = time.monotonic() - self.started
            if progress is not None:
                progress(f"{graph}: {phase} {step + 1}/{self.steps.get(phase, step + 1)}, {seconds:.0f} s")
            return not cancelled.is_set()

        def phase_finish(self, phase: str) -> None:
            self.steps.pop(phase, None)

    return Monitor()


def _verify(bundle: Bundle, graph: str, entry: GraphEntry, plan: bytes) -> None:
    """Compares an engine with onnxruntime, on random latents and on those of late chains."""
    tolerance = FLOAT16 if graph.endswith(HALF_PRECISION) else FLOAT32
    engines = TensorRTEngine.of_built(bundle, {graph: plan}), OnnxRuntimeEngine(bundle)
    tested, reference = (engine.bind(graph, tuple(entry.outputs)) for engine in engines)
    random = np.random.default_rng(1)
    for index in range(INPUTS):
        for name, buffer in reference.inputs.items():
            buffer[:] = _drawn(name, buffer.shape, random)
        is_late = index % 2 and "z_next" in entry.outputs
        for _ in range(LATE if is_late else 0):
            reference.run()
            reference.inputs["z"][:] = reference.outputs["z_next"]
            reference.inputs["noise"][:] = random.standard_normal(reference.inputs["noise"].shape)
        for name, buffer in reference.inputs.items():
            tested.inputs[name][:] = buffer
        for bound in (tested, reference):
            bound.run()
        for name in entry.outputs:
            start = reference.inputs["z"] if name == "z_next" else np.float32(0)
            found, expected = ((bound.outputs[name] - start).ravel().astype(float) for bound in (tested, reference))
            norm = np.linalg.norm(expected) + 1e-30
            error = np.linalg.norm(found - expected) / norm
            cosine = found @ expected / (np.linalg.norm(found) * norm + 1e-30)
            if not (error <= tolerance.ceiling and cosine >= tolerance.cosine):
                raise VerificationError(
                    f"TensorRT, graph {graph}, output {name}, input {index}: off by {error:.1e} from onnxruntime, "
                    f"1 - cosine {1 - cosine:.1e}; no engine was kept, and the ONNX bundle is as it was"
                )


def _drawn(name: str, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Pictures in [-1, 1], a scale above 0, standard normal latents and noise."""
    if name in ("image", "background"):
        return random.uniform(-1, 1, shape).astype(np.float32)
    if name == "background_scale":
        return random.uniform(0.03, 0.2, shape).astype(np.float32)
    return random.standard_normal(shape).astype(np.float32)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _line(messages: list[str]) -> str:
    return " ".join(messages[0].split()) if messages else "it gives no reason"
