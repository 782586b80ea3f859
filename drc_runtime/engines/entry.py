"""What every backend asks of a bundle before it binds a graph."""

from collections.abc import Sequence

from drc_runtime.bundle import Bundle
from drc_runtime.errors import EngineError
from drc_runtime.manifest import GraphEntry


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
