"""TensorRT engine files: their names, and the JSON record beside each, which says what it was built for and from."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from drc_runtime.atomic import atomic_write
from drc_runtime.bundle.manifest import GraphEntry
from drc_runtime.engines.cuda import Device
from drc_runtime.errors import EngineError
from drc_runtime.packages import install_command, require

SUPPORTED = (10, 11)
"""Major versions of TensorRT that work."""
REBUILD = "rebuild it here with drc export BUNDLE --trt"


@dataclass(frozen=True)
class EngineRecord:
    """What an engine was built for and from; it runs on the same GPU with the same TensorRT only."""

    gpu: str
    compute_capability: str
    tensorrt: str
    precision: str
    onnx_sha256: str
    engine_sha256: str


def load_tensorrt() -> Any:
    """The ``tensorrt`` package.

    Raises:
        MissingDependencyError: it is not installed, or a native library that it needs cannot be loaded.
        EngineError: its major version is not in ``SUPPORTED``.
    """
    module = require("tensorrt", extra="trt", purpose="TensorRT")
    version = str(module.__version__)
    if not version.partition(".")[0].isdigit() or int(version.partition(".")[0]) not in SUPPORTED:
        raise EngineError(f"TensorRT {version} is not supported: install 10.x or 11.x with {install_command('trt')}")
    return module


def engine_path(folder: Path, entry: GraphEntry) -> Path:
    """The path of a graph's engine: beside its ONNX file."""
    return folder / f"{Path(entry.file).stem}.engine"


def write_engine(path: Path, data: bytes, record: EngineRecord) -> None:
    """Writes an engine and then its record, each atomically: without a record an engine is not read.

    Raises:
        OutputError: a file cannot be written.
    """
    atomic_write(path, data)
    atomic_write(_record_path(path), (json.dumps(asdict(record), indent=2) + "\n").encode())


def read_engine(path: Path, entry: GraphEntry, device: Device, version: str) -> bytes:
    """Reads the engine at ``path`` after a check of its record.

    Args:
        path: from ``engine_path``.
        entry: the graph that it must have been built from.
        device: the GPU that it must have been built for.
        version: the version of TensorRT that must have built it.

    Raises:
        EngineError: no engine, built for or from something else, or damaged; the message says how to rebuild it.
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
