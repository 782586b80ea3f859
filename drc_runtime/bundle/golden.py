"""What the manifest says of the golden steps: two known steps by which an engine is checked when a bundle is loaded."""

from dataclasses import dataclass
from typing import Any

from drc_runtime.bundle.json_object import JsonObject

MOST_VALUES = 16
"""Values that are kept of a tensor, spread evenly over it."""
LARGEST_VALUE = 1e19


@dataclass(frozen=True)
class GoldenStep:
    """One run of ``posterior_step``; ``drc_runtime.inference.golden.golden_inputs`` makes its inputs from the seed."""

    seed: int
    """From 0 to 65536."""
    z_next: tuple[float, ...]
    """1 to ``MOST_VALUES`` values of the output, spread evenly over it."""
    mask: tuple[float, ...]
    """Likewise."""
    log_posterior: float


@dataclass(frozen=True)
class Golden:
    """Two steps with inputs that have nothing in common: an engine that computes on old inputs fails one of them."""

    tolerance: float
    """Largest relative error of a graph in float32."""
    first: GoldenStep
    second: GoldenStep

    @classmethod
    def parse(cls, node: JsonObject) -> "Golden":
        """Reads the manifest's ``golden``.

        Raises:
            BundleError: a key is missing or wrong, or both steps have the same seed.
        """
        found = cls(node.number("tolerance", 1e-6, 1), _step(node.child("first")), _step(node.child("second")))
        if found.first.seed == found.second.seed:
            node.child("second").refuse("seed", "is that of golden.first")
        return found

    def to_values(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"tolerance": self.tolerance, "first": vars(self.first), "second": vars(self.second)}


def _step(node: JsonObject) -> GoldenStep:
    return GoldenStep(
        node.size("seed", least=0),
        node.numbers("z_next", MOST_VALUES, LARGEST_VALUE),
        node.numbers("mask", MOST_VALUES, LARGEST_VALUE),
        node.number("log_posterior", -LARGEST_VALUE, LARGEST_VALUE),
    )
