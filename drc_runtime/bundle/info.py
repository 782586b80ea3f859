"""The content of a bundle and the state of each file, for ``drc info``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drc_runtime.bundle.bundle import read_file, read_graph, read_manifest
from drc_runtime.bundle.graph_summary import GraphSummary, summarise_graph
from drc_runtime.bundle.manifest import BACKENDS, FileEntry, GraphEntry, Manifest
from drc_runtime.errors import BundleError, UsageError
from drc_runtime.samples import bundle_folder


@dataclass(frozen=True)
class GraphInfo:
    """One graph; ``problem`` is the error that loading it raises, or None."""

    name: str
    entry: GraphEntry
    size: int
    """Size of the file in bytes; 0 if it is missing."""
    problem: str | None
    content: GraphSummary | None = None
    """None where there is a problem."""


@dataclass(frozen=True)
class TorchScriptInfo:
    """One TorchScript file; ``problem`` is the error that reading it raises, or None."""

    name: str
    file: str
    size: int
    """Size of the file in bytes; 0 if it is missing."""
    problem: str | None


@dataclass(frozen=True)
class BundleInfo:
    """A bundle's manifest and the state of its files."""

    folder: Path
    manifest: Manifest
    graphs: list[GraphInfo]
    torchscript: list[TorchScriptInfo]

    @property
    def intact(self) -> bool:
        """Whether every file is present, unchanged and allowed."""
        problems = [graph.problem for graph in self.graphs] + [item.problem for item in self.torchscript]
        return not any(problems)

    def graph(self, name: str) -> GraphInfo:
        """The graph of a name.

        Raises:
            UsageError: there is none.
        """
        found = {graph.name: graph for graph in self.graphs}
        if name not in found:
            raise UsageError(f"--graph {name}: {self.folder} has {', '.join(sorted(found))}")
        return found[name]

    def backends(self, graph: str) -> dict[str, bool] | None:
        """For each backend whether it supports a graph by its documentation; None where the export did not record it."""
        recorded = self.manifest.metrics.get(BACKENDS)
        found = recorded.get(graph) if isinstance(recorded, dict) else None
        return {str(name): value is True for name, value in found.items()} if isinstance(found, dict) else None

    def graph_to_dict(self, graph: GraphInfo) -> dict[str, Any]:
        """The object that ``drc info --graph NAME --json`` prints."""
        content = {"operators": {}, "parameters": {}} if graph.content is None else vars(graph.content)
        about = {"name": graph.name, **vars(graph.entry), "bytes": graph.size, "problem": graph.problem}
        return about | content | {"backends": self.backends(graph.name)}

    def to_dict(self) -> dict[str, Any]:
        """The object that ``drc info --json`` prints."""
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
    """Checks every file of a bundle; a damaged file becomes a ``problem``, not an error.

    Raises:
        BundleError: no manifest, or an invalid one.
    """
    folder = bundle_folder(folder)
    manifest = read_manifest(folder)
    return BundleInfo(
        folder,
        manifest,
        [_inspect(folder, name, entry) for name, entry in manifest.graphs.items()],
        [_inspect_torchscript(folder, name, entry) for name, entry in manifest.torchscript.items()],
    )


def _inspect_torchscript(folder: Path, name: str, entry: FileEntry) -> TorchScriptInfo:
    """Checks the hash only: PyTorch would run what is in the file."""
    try:
        return TorchScriptInfo(name, entry.file, len(read_file(folder, entry)), None)
    except BundleError as error:
        path = folder / entry.file
        return TorchScriptInfo(name, entry.file, path.stat().st_size if path.is_file() else 0, str(error))


def _inspect(folder: Path, name: str, entry: GraphEntry) -> GraphInfo:
    try:
        data = read_graph(folder, entry)
        return GraphInfo(name, entry, len(data), None, summarise_graph(data, str(folder / entry.file)))
    except BundleError as error:
        path = folder / entry.file
        return GraphInfo(name, entry, path.stat().st_size if path.is_file() else 0, str(error))
