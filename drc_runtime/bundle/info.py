"""What is in a bundle, and whether each of its graphs is still the one that was exported."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drc_runtime.bundle.bundle import read_file, read_graph, read_manifest
from drc_runtime.bundle.manifest import FileEntry, GraphEntry, Manifest
from drc_runtime.errors import BundleError


@dataclass(frozen=True)
class GraphInfo:
    """One graph and what is wrong with it; ``problem`` is None if nothing is."""

    name: str
    entry: GraphEntry
    size: int
    """Bytes on the disk, 0 if there is no such file."""
    problem: str | None


@dataclass(frozen=True)
class TorchScriptInfo:
    """One TorchScript file and what is wrong with it; ``problem`` is None if nothing is."""

    name: str
    file: str
    size: int
    """Bytes on the disk, 0 if there is no such file."""
    problem: str | None


@dataclass(frozen=True)
class BundleInfo:
    """A bundle's manifest and the state of its graphs."""

    folder: Path
    manifest: Manifest
    graphs: list[GraphInfo]
    torchscript: list[TorchScriptInfo]

    @property
    def intact(self) -> bool:
        """Whether every file is there, unchanged and allowed."""
        problems = [graph.problem for graph in self.graphs] + [item.problem for item in self.torchscript]
        return not any(problems)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        manifest = self.manifest
        return {
            "folder": str(self.folder),
            "intact": self.intact,
            "name": manifest.name,
            "image_size": list(manifest.image_size),
            "latent": vars(manifest.latent),
            "sampler": vars(manifest.sampler),
            "graphs": {
                graph.name: {**vars(graph.entry), "bytes": graph.size, "problem": graph.problem}
                for graph in self.graphs
            },
            "torchscript": {
                item.name: {"file": item.file, "bytes": item.size, "problem": item.problem} for item in self.torchscript
            },
            "training": manifest.training,
            "metrics": manifest.metrics,
        }


def inspect_bundle(folder: Path) -> BundleInfo:
    """Looks at every graph of a bundle, the damaged ones included.

    Raises:
        BundleError: there is no manifest or it is not valid; damaged graphs are reported, not raised.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    return BundleInfo(
        folder,
        manifest,
        [_inspect(folder, name, entry) for name, entry in manifest.graphs.items()],
        [_inspect_torchscript(folder, name, entry) for name, entry in manifest.torchscript.items()],
    )


def _inspect_torchscript(folder: Path, name: str, entry: FileEntry) -> TorchScriptInfo:
    """Its hash only: the file is not loaded, because loading runs what it holds."""
    try:
        return TorchScriptInfo(name, entry.file, len(read_file(folder, entry)), None)
    except BundleError as error:
        path = folder / entry.file
        return TorchScriptInfo(name, entry.file, path.stat().st_size if path.is_file() else 0, str(error))


def _inspect(folder: Path, name: str, entry: GraphEntry) -> GraphInfo:
    try:
        return GraphInfo(name, entry, len(read_graph(folder, entry)), None)
    except BundleError as error:
        path = folder / entry.file
        return GraphInfo(name, entry, path.stat().st_size if path.is_file() else 0, str(error))
