"""What can be told to an ``Extractor`` beside its model, without numpy and OpenCV, because command lines read it first."""

from dataclasses import dataclass

from drc_runtime.errors import UsageError

REFINEMENTS = ("cut", "none")
"""What follows the mask of a still image: ``cut`` cuts it again by the image's own colours (``drc_runtime.inference.cut``)."""
DEFAULT_REFINEMENT = "cut"


@dataclass(frozen=True)
class Sampling:
    """How Langevin chains of a still image, and of a video's first frame, begin and go on."""

    temperature: float = 0.0
    """Scale of the noise in the steps, in [0, 10]: 0 climbs to a mode of the posterior, 1 samples it (Eq. 13)."""
    from_noise: bool = False
    """Chains begin at noise although the bundle has an initialiser."""


def refinement(named: str | None, student: bool) -> str:
    """What follows the mask of a still image: what was named, else ``DEFAULT_REFINEMENT``; of a student nothing."""
    return named or ("none" if student else DEFAULT_REFINEMENT)


def check_refinement(refine: str | None) -> None:
    """Refuses an unknown refinement; None means that none was named.

    Raises:
        UsageError: it is not one of ``REFINEMENTS``.
    """
    if refine is not None and refine not in REFINEMENTS:
        raise UsageError(f"--refine {refine}: choose one of {', '.join(REFINEMENTS)}")
