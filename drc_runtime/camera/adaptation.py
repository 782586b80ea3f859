"""How the state of a fixed camera may change while it runs."""

from dataclasses import dataclass

from drc_runtime.errors import UsageError

ADAPT = ("all", "light", "nothing")
ABSORB_SECONDS = 1800.0
"""The default: a thing that stays for half an hour becomes background."""


@dataclass(frozen=True)
class Adaptation:
    """What may change, and how fast.

    Raises:
        UsageError: a value is unknown or out of range, or has no effect.
    """

    what: str = "all"
    """``all``: background, scale and light. ``light``: gain and offset of the light alone, once the first second has shown a
    background. ``nothing``: neither."""
    absorb: float | None = ABSORB_SECONDS
    """Seconds after which a thing that stays becomes background; None: never."""

    def __post_init__(self) -> None:
        if self.what not in ADAPT:
            raise UsageError(f"--adapt {self.what}: choose one of {', '.join(ADAPT)}")
        if self.absorb is not None and not self.absorb >= 1:
            raise UsageError(f"--absorb {self.absorb:g}s is too short; give a second or more, or never")
