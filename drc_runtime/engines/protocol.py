"""The protocol of a backend: a graph is bound once to fixed buffers, and each run then allocates nothing."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import GraphEntry
from drc_runtime.errors import EngineError

Array = NDArray[np.float32]


class BoundGraph(Protocol):
    """A graph and its buffers. Write to ``inputs``, call ``run``, read ``outputs``."""

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Input buffers by name: float32, C-contiguous, shared by all bindings of the graph."""

    @property
    def outputs(self) -> Mapping[str, Array]:
        """The requested output buffers by name; each run overwrites them."""

    def run(self) -> None:
        """Computes the outputs from the current inputs.

        Raises:
            EngineError: the backend failed.
        """


class Engine(Protocol):
    """A backend for the graphs of one bundle."""

    def bind(self, graph: str, outputs: Sequence[str]) -> BoundGraph:
        """Binds ``graph``; a run then fetches only ``outputs``.

        Raises:
            EngineError: the graph or output does not exist.
        """


def graph_entry(bundle: Bundle, graph: str, outputs: Sequence[str]) -> GraphEntry:
    """The manifest's entry of ``graph``, after a check that it has all of ``outputs``.

    Raises:
        EngineError: the graph or output does not exist.
    """
    entry = bundle.manifest.graphs.get(graph)
    if entry is None:
        raise EngineError(f"the bundle {bundle.folder} has no graph {graph!r}")
    unknown = [name for name in outputs if name not in entry.outputs]
    if unknown:
        raise EngineError(f"graph {graph} has no output {unknown[0]!r}; it has {', '.join(entry.outputs)}")
    return entry
