"""The bundle folder: a manifest and the graph files it names, checked before use and written in one step."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from drc_runtime.bundle.manifest import FORMAT, HALF_PRECISION, FileEntry, GraphEntry, LatentSizes, Manifest, Sampler
from drc_runtime.bundle.onnx_check import check_model
from drc_runtime.errors import BundleError, OutputError, UsageError

__all__ = [
    "FORMAT",
    "PRECISIONS",
    "Bundle",
    "FileEntry",
    "GraphEntry",
    "LatentSizes",
    "Manifest",
    "Sampler",
    "read_graph",
    "read_manifest",
    "write_bundle",
]

PRECISIONS = ("fp32", "fp16")
_MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 1 << 20
_LARGEST_GRAPH = (1 << 31) - 1  # what a protobuf message can be


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every graph has been read once, hashed and looked through."""

    folder: Path
    manifest: Manifest
    _graphs: Mapping[str, bytes]
    _torchscript: Mapping[str, bytes] = field(default_factory=dict)
    """Of a bundle that is not written yet; otherwise read when asked for."""

    @classmethod
    def load(cls, folder: Path) -> "Bundle":
        """Reads and checks a whole bundle.

        Raises:
            BundleError: the folder is no bundle, a file is missing, too large, damaged, or reaches outside the folder.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        return cls(folder, manifest, {name: read_graph(folder, entry) for name, entry in manifest.graphs.items()})

    def graph_bytes(self, name: str) -> bytes:
        """The graph ``name`` as it was when it was checked: the file is not read again.

        Raises:
            BundleError: the bundle has no graph of this name.
        """
        if name not in self._graphs:
            raise BundleError(f"{self.folder} has no graph {name!r}; it has {', '.join(sorted(self._graphs))}")
        return self._graphs[name]

    def torchscript_bytes(self, name: str) -> bytes:
        """The TorchScript file of the graph ``name``, read and checked now: it holds pickled data, so nobody reads it unasked.

        Raises:
            BundleError: the bundle has none of this name, or it is missing, damaged or outside the folder.
        """
        if name in self._torchscript:
            return self._torchscript[name]
        if name not in self.manifest.torchscript:
            raise BundleError(
                f"{self.folder} holds no TorchScript of {name!r}: export it with drc export --torchscript"
            )
        return read_file(self.folder, self.manifest.torchscript[name])

    def at_precision(self, precision: str) -> "Bundle":
        """The same bundle with each graph in the given precision (one of ``PRECISIONS``) under its plain name.

        Raises:
            UsageError: no such precision.
            BundleError: the bundle has no graphs of this precision.
        """
        if precision not in PRECISIONS:
            raise UsageError(f"no precision {precision!r}: choose one of {', '.join(PRECISIONS)}")
        if precision == "fp32":
            return self
        halves = {name.removesuffix(HALF_PRECISION): name for name in self._graphs if name.endswith(HALF_PRECISION)}
        if "posterior_step" not in halves:
            raise BundleError(f"{self.folder} has no fp16 graphs: export it with drc export --precision fp32,fp16")
        entries, graphs = dict(self.manifest.graphs), dict(self._graphs)
        for plain, half in halves.items():
            entries[plain], graphs[plain] = entries[half], graphs[half]
        return Bundle(self.folder, replace(self.manifest, graphs=entries, torchscript={}), graphs)


def read_manifest(folder: Path) -> Manifest:
    """Reads the manifest of the bundle in ``folder``; the graphs are not looked at.

    Raises:
        BundleError: no folder, no manifest, or not a valid one.
    """
    if not folder.is_dir():
        raise BundleError(f"no bundle at {folder}: a bundle is a folder with a manifest.json, as drc export writes it")
    data = _read(folder, _MANIFEST, _LARGEST_MANIFEST)
    try:
        return Manifest.parse(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BundleError(f"{folder / _MANIFEST} is not UTF-8 text") from error
    except BundleError as error:
        raise BundleError(f"{folder}: {error}") from error


def read_graph(folder: Path, entry: GraphEntry) -> bytes:
    """Reads one graph and checks the bytes that it returns.

    Raises:
        BundleError: missing, too large, outside the folder, another hash than the manifest's, or not allowed.
    """
    data = read_file(folder, entry)
    check_model(data, str(folder / entry.file))
    return data


def read_file(folder: Path, entry: GraphEntry | FileEntry) -> bytes:
    """Reads one file of a bundle and checks its hash.

    Raises:
        BundleError: missing, too large, outside the folder, or another hash than the manifest's.
    """
    data = _read(folder, entry.file, _LARGEST_GRAPH)
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise BundleError(
            f"{folder / entry.file} is not the file that the manifest describes (its SHA-256 differs): "
            "copy the bundle again"
        )
    return data


def write_bundle(
    folder: Path,
    manifest: Manifest,
    graphs: Mapping[str, bytes],
    torchscript: Mapping[str, bytes] = MappingProxyType({}),
    *,
    overwrite: bool = False,
) -> None:
    """Writes a bundle so that ``folder`` holds either all of it or what it held before.

    Args:
        folder: where the bundle goes; its parent must exist.
        manifest: must describe exactly ``graphs``, hashes included.
        graphs: the ONNX models by the names of the manifest.
        torchscript: the TorchScript files, likewise.
        overwrite: replace a bundle that is there already.

    Raises:
        OutputError: something is at ``folder``, or the disk refuses the files.
        BundleError: manifest and graphs do not make a bundle that ``Bundle.load`` would accept.
    """
    folder = Path(folder).resolve()
    _refuse_existing(folder, overwrite)
    if graphs.keys() != manifest.graphs.keys():
        raise BundleError(f"the manifest describes {sorted(manifest.graphs)} but the graphs are {sorted(graphs)}")
    if torchscript.keys() != manifest.torchscript.keys():
        raise BundleError(
            f"the manifest describes the TorchScript files {sorted(manifest.torchscript)} but they are {sorted(torchscript)}"
        )
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}; choose another place") from error
    try:
        temporary.chmod(0o755)
        for name, data in graphs.items():
            _write_synced(temporary / manifest.graphs[name].file, data)
        for name, data in torchscript.items():
            _write_synced(temporary / manifest.torchscript[name].file, data)
        _write_synced(temporary / _MANIFEST, manifest.to_json().encode())
        written = Bundle.load(temporary)
        for name in torchscript:
            written.torchscript_bytes(name)
        _move_into_place(temporary, folder)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _read(folder: Path, file: str, limit: int) -> bytes:
    path = folder / file
    try:
        target = path.resolve()
        if not target.is_relative_to(folder.resolve()):
            raise BundleError(f"{path} is a link to outside the bundle; copy the file itself into the folder")
        if not target.exists():
            raise BundleError(f"{path} is missing; copy the bundle again")
        if not target.is_file():
            raise BundleError(f"{path} is not a file")
        with open(target, "rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            if size > limit:
                raise BundleError(f"{path} is larger than the {limit} bytes that a bundle may hold there")
            return opened.read(size)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that point at each other
        raise BundleError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def _refuse_existing(folder: Path, overwrite: bool) -> None:
    if not os.path.lexists(folder):
        return
    if not overwrite:
        raise OutputError(f"{folder} exists already; choose another place or pass --overwrite")
    # A wrong path must not cost a folder of something else.
    if not (folder / _MANIFEST).is_file():
        raise OutputError(f"{folder} is not a bundle, so it is not overwritten; choose another place")


def _move_into_place(temporary: Path, folder: Path) -> None:
    if not os.path.lexists(folder):
        os.rename(temporary, folder)
    else:
        aside = temporary.with_suffix(".old")
        os.rename(folder, aside)
        try:
            os.rename(temporary, folder)
        except OSError:
            os.rename(aside, folder)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    _sync_folder(folder.parent)


def _write_synced(path: Path, data: bytes) -> None:
    with open(path, "xb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
