"""What every backend offers: graphs bound once to fixed buffers, then run again and again without allocating."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import GraphEntry
from drc_runtime.errors import EngineError

Array = NDArray[np.float32]


class BoundGraph(Protocol):
    """A graph with its buffers. Write into ``inputs``, call ``run``, read ``outputs``."""

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Buffers by name, float32, C-contiguous; shared by every binding of the same graph."""

    @property
    def outputs(self) -> Mapping[str, Array]:
        """The buffers asked for, overwritten by every run."""

    def run(self) -> None:
        """Computes the outputs from what the inputs hold now.

        Raises:
            EngineError: the backend failed.
        """


class Engine(Protocol):
    """A backend that has loaded a bundle's graphs."""

    def bind(self, graph: str, outputs: Sequence[str]) -> BoundGraph:
        """Binds ``graph`` so that only ``outputs`` are fetched.

        Raises:
            EngineError: no such graph or output.
        """


def graph_entry(bundle: Bundle, graph: str, outputs: Sequence[str]) -> GraphEntry:
    """What the manifest says of ``graph``, which has to have all of ``outputs``.

    Raises:
        EngineError: no such graph or output; those that there are.
    """
    entry = bundle.manifest.graphs.get(graph)
    if entry is None:
        raise EngineError(f"the bundle {bundle.folder} has no graph {graph!r}")
    unknown = [name for name in outputs if name not in entry.outputs]
    if unknown:
        raise EngineError(f"graph {graph} has no output {unknown[0]!r}; it has {', '.join(entry.outputs)}")
    return entry
