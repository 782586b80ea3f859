"""The bundle folder: reads and checks the manifest and the files that it names; writes a bundle atomically."""

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from drc_runtime.atomic import atomic_folder, write_synced
from drc_runtime.bundle.manifest import HALF_PRECISION, MANIFEST, FileEntry, GraphEntry, Manifest
from drc_runtime.bundle.onnx_check import check_model
from drc_runtime.errors import BundleError, OutputError, UsageError
from drc_runtime.outputs import NOT_OURS, check_replaced_folder
from drc_runtime.samples import MODELS, bundle_folder

PRECISIONS = ("fp32", "fp16")
RUN_FILE = "checkpoint.json"
"""The file by which a run of ``drc train`` is recognised."""
_LARGEST_MANIFEST = 1 << 20
_ENGINE_FILES = re.compile(r"\.tensorrt-[0-9.a-z]+\.cache|\.tensorrt\.lock")
_LARGEST_GRAPH = (1 << 31) - 1  # the limit of a protobuf message, and of all graphs together


@dataclass(frozen=True)
class Bundle:
    """A bundle whose graphs have all been read and checked: hash and content."""

    folder: Path
    manifest: Manifest
    _graphs: Mapping[str, bytes]
    _torchscript: Mapping[str, bytes] = field(default_factory=dict)
    """Only for a bundle that is not on the disk; otherwise ``torchscript_bytes`` reads the file."""
    precision: str = "fp32"
    """Of the graphs, one of ``PRECISIONS``."""

    @classmethod
    def load(cls, folder: Path | str) -> "Bundle":
        """Reads and checks a whole bundle, a folder or the name of a sample's (``drc_runtime.samples.bundle_folder``).

        Raises:
            BundleError: not a bundle, or a file is missing, too large, damaged or a link.
        """
        folder = bundle_folder(folder)
        manifest = read_manifest(folder)
        graphs: dict[str, bytes] = {}
        for name, entry in manifest.graphs.items():
            graphs[name] = read_graph(folder, entry, _LARGEST_GRAPH - sum(map(len, graphs.values())))
        return cls(folder, manifest, graphs)

    def graph_bytes(self, name: str) -> bytes:
        """The ONNX bytes of the graph ``name``, as they were checked: the file is not read again.

        Raises:
            BundleError: the bundle has no graph of this name.
        """
        if name not in self._graphs:
            raise BundleError(f"{self.folder} has no graph {name!r}; it has {', '.join(sorted(self._graphs))}")
        return self._graphs[name]

    def torchscript_bytes(self, name: str) -> bytes:
        """The TorchScript file of the graph ``name``, read and checked in this call.

        ``load`` does not read it, because it holds pickled data: PyTorch runs what is in it.

        Raises:
            BundleError: the bundle does not name this file, or it is missing, damaged or a link.
        """
        if name in self._torchscript:
            return self._torchscript[name]
        if name not in self.manifest.torchscript:
            raise BundleError(
                f"{self.folder} holds no TorchScript of {name!r}: export it with drc export --torchscript"
            )
        return read_file(self.folder, self.manifest.torchscript[name])

    def at_precision(self, precision: str) -> "Bundle":
        """The same bundle where each name, such as ``posterior_step``, stands for the graph of this precision.

        Args:
            precision: one of ``PRECISIONS``.

        Raises:
            UsageError: an unknown precision.
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
        return Bundle(self.folder, replace(self.manifest, graphs=entries, torchscript={}), graphs, precision=precision)


def read_manifest(folder: Path) -> Manifest:
    """Reads and checks the manifest of the bundle in ``folder``, but no graph.

    Raises:
        BundleError: no folder, no manifest, or an invalid one.
    """
    _check_is_bundle(folder)
    data = _read(folder, MANIFEST, _LARGEST_MANIFEST)
    try:
        return Manifest.parse(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BundleError(f"{folder / MANIFEST} is not UTF-8 text") from error
    except BundleError as error:
        raise BundleError(f"{folder}: {error}") from error


def _check_is_bundle(folder: Path) -> None:
    """Says what the path is, if it is something else that a user may take for a bundle."""
    if (folder / RUN_FILE).is_file() or folder.suffix == ".safetensors":
        raise BundleError(
            f"{folder} is a run of drc train, not a bundle; make one with: drc export {folder} --out BUNDLE"
        )
    if folder.is_file() and (folder.parent / MANIFEST).is_file():
        raise BundleError(f"{folder} is a file of a bundle; name the bundle, its folder: {folder.parent}")
    if folder.is_dir() and not os.path.lexists(folder / MANIFEST) and any(folder.glob("*.onnx")):
        raise BundleError(f"{folder / MANIFEST} is missing; copy the bundle again")
    if not folder.is_dir() or not os.path.lexists(folder / MANIFEST):
        raise BundleError(
            f"no bundle at {folder}: a bundle is a folder with a {MANIFEST}, as drc export writes it; "
            f"{', '.join(MODELS)} are the names of bundled ones"
        )


def read_graph(folder: Path, entry: GraphEntry, limit: int = _LARGEST_GRAPH) -> bytes:
    """Reads one graph of at most ``limit`` bytes; checks its hash and that it is ONNX that ``check_model`` allows.

    Raises:
        BundleError: missing, too large, a link, with another hash than in the manifest, or not allowed.
    """
    data = read_file(folder, entry, limit)
    check_model(data, str(folder / entry.file))
    return data


def read_file(folder: Path, entry: GraphEntry | FileEntry, limit: int = _LARGEST_GRAPH) -> bytes:
    """Reads one file of a bundle, of at most ``limit`` bytes, and checks its hash.

    Raises:
        BundleError: missing, too large, a link, or with another hash than in the manifest.
    """
    data = _read(folder, entry.file, limit)
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
    """Writes a bundle atomically: after an error ``folder`` is as it was before.

    Args:
        folder: the new folder; its parent must exist.
        manifest: describes exactly ``graphs`` and ``torchscript``, with their hashes.
        graphs: ONNX models by their names in the manifest.
        torchscript: TorchScript files by their names in the manifest.
        overwrite: replace an existing bundle that holds nothing but what this function wrote.

    Raises:
        OutputError: ``folder`` exists, or a file cannot be written.
        BundleError: ``Bundle.load`` would refuse this bundle.
    """
    check_bundle_folder(folder, overwrite)
    if graphs.keys() != manifest.graphs.keys():
        raise BundleError(f"the manifest describes {sorted(manifest.graphs)} but the graphs are {sorted(graphs)}")
    if torchscript.keys() != manifest.torchscript.keys():
        raise BundleError(
            f"the manifest describes the TorchScript files {sorted(manifest.torchscript)} but they are {sorted(torchscript)}"
        )
    with atomic_folder(folder) as temporary:
        for name, data in graphs.items():
            write_synced(temporary / manifest.graphs[name].file, data)
        for name, data in torchscript.items():
            write_synced(temporary / manifest.torchscript[name].file, data)
        write_synced(temporary / MANIFEST, manifest.to_json().encode())
        written = Bundle.load(temporary)
        for name in torchscript:
            written.torchscript_bytes(name)


def _read(folder: Path, file: str, limit: int) -> bytes:
    path = folder / file
    try:
        # Not even a link within the folder is followed: what it leads to may be another file by the time it is read.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise BundleError(f"{path} is not a file")
            if status.st_size > limit:
                raise BundleError(f"{path} is larger than the {limit} bytes that a bundle may hold there")
            with open(descriptor, "rb", closefd=False) as opened:
                return opened.read(status.st_size)
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise BundleError(f"{path} is missing; copy the bundle again") from error
    except OSError as error:
        if path.is_symlink():
            raise BundleError(f"{path} is a link; copy the file itself into the folder") from error
        raise BundleError(f"cannot read {path}: {error.strerror or error}") from error


def check_bundle_folder(folder: Path, overwrite: bool) -> None:
    """Refuses a place where no bundle can be written, or where one would replace what ``write_bundle`` did not write.

    Raises:
        OutputError: as said above.
    """
    if not check_replaced_folder("the bundle", folder, overwrite):
        return
    # A mistyped path must not delete a folder of other files.
    try:
        manifest = read_manifest(folder)
    except BundleError as error:
        raise OutputError(f"{folder} is not a bundle, so it is not overwritten; choose another place") from error
    if foreign := _foreign_files(folder, manifest):
        raise OutputError(
            f"{folder} holds {foreign[0]}, which {NOT_OURS}, so it is not overwritten; move it away or choose another place"
        )


def _foreign_files(folder: Path, manifest: Manifest) -> list[str]:
    """The files of a bundle's folder that neither ``write_bundle`` nor ``drc export --trt`` wrote, or that were changed."""
    hashes = {it.file: it.sha256 for it in manifest.graphs.values()}
    hashes |= {it.file: it.sha256 for it in manifest.torchscript.values()}
    engines = {f"{Path(file).stem}.engine{ending}" for file in hashes for ending in ("", ".json")}
    foreign = []
    for entry in sorted(folder.iterdir()):
        own = entry.name == MANIFEST or entry.name in engines or _ENGINE_FILES.fullmatch(entry.name) is not None
        if entry.name in hashes and entry.is_file():
            with open(entry, "rb") as opened:
                own = hashlib.file_digest(opened, "sha256").hexdigest() == hashes[entry.name]
        if entry.is_symlink() or not entry.is_file() or not own:
            foreign.append(entry.name)
    return foreign
