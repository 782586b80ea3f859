"""TensorRT engine files: their names, and the record of each, which says what it was built for and from.

An engine is code for the GPU, and TensorRT runs it unchecked. So only an engine that this user built on this machine is read: its
record is a file of the user's state folder, outside of every bundle, and its name is the SHA-256 of the engine.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from drc_runtime.atomic import atomic_write
from drc_runtime.bundle.manifest import GraphEntry
from drc_runtime.engines.cuda import Device
from drc_runtime.errors import EngineError, OutputError
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


def records_folder() -> Path:
    """The folder of the records: ``drc/engines`` in ``$XDG_STATE_HOME``, else in ``~/.local/state``.

    Raises:
        EngineError: this user has no home folder.
    """
    try:
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    except RuntimeError as error:
        raise EngineError(
            "this user has no home folder for the records of TensorRT engines: set XDG_STATE_HOME"
        ) from error
    return base / "drc" / "engines"


def write_engine(path: Path, data: bytes, record: EngineRecord) -> None:
    """Writes an engine and then its record, each atomically: without a record an engine is not read.

    Raises:
        EngineError: this user has no home folder.
        OutputError: a file cannot be written.
    """
    target = _record_path(record.engine_sha256)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {target.parent}: {error.strerror}; set XDG_STATE_HOME") from error
    atomic_write(path, data)
    atomic_write(target, (json.dumps(asdict(record), indent=2) + "\n").encode())


def read_engine(path: Path, entry: GraphEntry, device: Device, version: str) -> bytes:
    """Reads the engine at ``path`` after a check of its record.

    Args:
        path: from ``engine_path``; a link is not followed.
        entry: the graph that it must have been built from.
        device: the GPU that it must have been built for.
        version: the version of TensorRT that must have built it.

    Raises:
        EngineError: no engine, one that was not built here, or one for or from something else; the message says how to rebuild
            it.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            data = file.read()
    except FileNotFoundError as error:
        raise EngineError(f"no TensorRT engine at {path}: build it here with drc export BUNDLE --trt") from error
    except OSError as error:
        raise EngineError(f"cannot read {path}: {error.strerror}; {REBUILD}") from error
    digest = hashlib.sha256(data).hexdigest()
    try:
        values = json.loads(_record_path(digest).read_text())
        record = EngineRecord(**{field.name: str(values[field.name]) for field in fields(EngineRecord)})
    except FileNotFoundError as error:
        raise EngineError(f"{path} was not built on this machine, or it has changed since: {REBUILD}") from error
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
    if record.engine_sha256 != digest:
        raise EngineError(f"the record of {path} describes another engine: {REBUILD}")
    return data


def _record_path(digest: str) -> Path:
    return records_folder() / f"{digest}.json"
