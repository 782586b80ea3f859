"""What every backend offers: graphs bound once to fixed buffers, then run again and again without allocating."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

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
