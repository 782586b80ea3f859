"""When compiled steps were taken into use; without PyTorch, because a run's record holds it."""

from typing import Annotated, NamedTuple

from pydantic import Field

TITLES = {"posterior": "posterior chain", "prior": "prior chain", "m_step": "M-step"}


class Swap(NamedTuple):
    """Compiled steps that were taken into use between two iterations."""

    names: tuple[str, ...]
    """As ``Compiled.name``."""
    iteration: Annotated[int, Field(strict=True, ge=0)]
    """Iterations before it."""
    seconds: Annotated[float, Field(strict=True, ge=0, le=1e12)]
    """That learning stood still for it."""

    def line(self) -> str:
        """For the user."""
        names = " and ".join(TITLES.get(name, name) for name in self.names)
        return f"{names} compiled from iteration {self.iteration + 1} on ({self.seconds:.1f} s to load)"
