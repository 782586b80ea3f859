"""TensorRT engines on the disk: which file belongs to which graph, and the record beside it that says what it was built for."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any

from drc_runtime.atomic import atomic_write
from drc_runtime.bundle.manifest import GraphEntry
from drc_runtime.engines.cuda import Device
from drc_runtime.errors import EngineError, MissingDependencyError

SUPPORTED = (10, 11)
"""Major versions of TensorRT."""
REBUILD = "rebuild it here with drc export BUNDLE --trt"


@dataclass(frozen=True)
class EngineRecord:
    """What an engine was built for and from; it works nowhere else."""

    gpu: str
    compute_capability: str
    tensorrt: str
    precision: str
    onnx_sha256: str
    engine_sha256: str


def load_tensorrt() -> Any:
    """The ``tensorrt`` package.

    Raises:
        MissingDependencyError: not installed, or not loadable.
        EngineError: a version that this project does not know.
    """
    try:
        module = import_module("tensorrt")
    except Exception as error:  # noqa: BLE001 - it loads native libraries on import, which may raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise MissingDependencyError(f'TensorRT cannot be loaded ({reason}): pip install "drc[trt]"') from error
    version = str(module.__version__)
    if not version.partition(".")[0].isdigit() or int(version.partition(".")[0]) not in SUPPORTED:
        raise EngineError(f'TensorRT {version} is not supported: install 10.x or 11.x, pip install "tensorrt>=10,<12"')
    return module


def engine_path(folder: Path, entry: GraphEntry) -> Path:
    """Where the engine of a graph lies: beside its ONNX file."""
    return folder / f"{Path(entry.file).stem}.engine"


def write_engine(path: Path, data: bytes, record: EngineRecord) -> None:
    """Writes an engine and its record, each atomically; the record last, because it vouches for the engine.

    Raises:
        OutputError: the disk refuses a file.
    """
    atomic_write(path, data)
    atomic_write(_record_path(path), (json.dumps(asdict(record), indent=2) + "\n").encode())


def read_engine(path: Path, entry: GraphEntry, device: Device, version: str) -> bytes:
    """The engine at ``path`` if it was built from ``entry``'s graph for this card and this TensorRT.

    Raises:
        EngineError: there is none, or it was built for something else, or its file was damaged; how to rebuild it.
    """
    try:
        values = json.loads(_record_path(path).read_text())
        record = EngineRecord(**{field.name: str(values[field.name]) for field in fields(EngineRecord)})
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise EngineError(f"no TensorRT engine at {path}: build it here with drc export BUNDLE --trt") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(f"the record of {path} cannot be read: {REBUILD}") from error
    for what, built, found in (
        ("for the GPU", record.gpu, device.name),
        ("for compute capability", record.compute_capability, device.compute_capability),
        ("by TensorRT", record.tensorrt, version),
        ("from the ONNX file with SHA-256", record.onnx_sha256, entry.sha256),
    ):
        if built != found:
            raise EngineError(f"{path} was built {what} {built}, but here it is {found}: {REBUILD}")
    if hashlib.sha256(data).hexdigest() != record.engine_sha256:
        raise EngineError(f"{path} is not the file that its record describes (its SHA-256 differs): {REBUILD}")
    return data


def _record_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
