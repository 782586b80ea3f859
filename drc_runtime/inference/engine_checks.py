"""Runs a bundle's golden steps on every engine (``drc doctor BUNDLE``)."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from drc_runtime.bundle.bundle import PRECISIONS, Bundle
from drc_runtime.bundle.manifest import HALF_PRECISION
from drc_runtime.engines import ENGINES, load_engine
from drc_runtime.errors import BundleError, DRCError, EngineError, MissingDependencyError
from drc_runtime.inference.golden import HALF_TOLERANCE, golden_error


class EngineCheck(NamedTuple):
    """One engine at one precision: its error in the golden steps, or why there is none."""

    name: str
    error: float | None
    problem: str
    """Empty where the error is within the tolerance."""
    is_absent: bool = False
    """Whether the engine is not here, or the bundle has nothing for it; no fault."""


def check_engines(bundle: Path | str) -> Iterator[EngineCheck]:
    """Loads the bundle with each engine and repeats its golden steps.

    Raises:
        BundleError: the bundle is damaged, or has no golden steps.
    """
    loaded = Bundle.load(bundle)
    if loaded.manifest.golden is None:
        raise BundleError(f"{loaded.folder} has no golden steps to check engines by: export it again")
    has_half = any(name.endswith(HALF_PRECISION) for name in loaded.manifest.graphs)
    for precision in PRECISIONS if has_half else PRECISIONS[:1]:
        at = loaded.at_precision(precision)
        limit = loaded.manifest.golden.tolerance if precision == "fp32" else HALF_TOLERANCE
        for name in ENGINES:
            yield _check(f"{name} {precision}", name, at, limit)


def _check(title: str, engine: str, bundle: Bundle, limit: float) -> EngineCheck:
    try:
        error = golden_error(load_engine(engine, bundle), bundle.manifest)
    except (MissingDependencyError, BundleError) as reason:
        return EngineCheck(title, None, str(reason), is_absent=True)
    except EngineError as reason:
        return EngineCheck(title, None, str(reason))
    except DRCError as reason:
        return EngineCheck(title, None, str(reason), is_absent=True)
    wrong = "" if error <= limit else f"a known step is off by {error:.1e} where {limit:.0e} is allowed"
    return EngineCheck(title, error, wrong)
