"""The paper's settings and those of the released code, by name (docs/paper.md lists the differences with their sources)."""

from drc_runtime.errors import UsageError

PAPER_PRESETS = ("birds", "dogs", "cars", "clevr6", "tm-dsprites")
PROTOCOLS = ("paper", "released")

_RELEASED = (
    "model.energy_sign=1",
    "model.reassignment_energy_width=400",
    "model.foreground_categories=200",
    "model.background_categories=200",
    "train.iterations=2000000",
    "train.m_step_sigma=0.70710678",
    "train.orthogonal_squared=true",
    "train.orthogonal_weight=0.1",
    "train.mirror=true",
)
_STEPS = {"birds": 300, "dogs": 300, "cars": 300, "clevr6": 20000, "tm-dsprites": 5000}


def protocol_overrides(protocol: str | None, preset: str | None) -> tuple[str, ...]:
    """The ``section.key=value`` settings of a protocol over a preset of the paper; none for ``paper``, which the presets are.

    Raises:
        UsageError: an unknown protocol, or a preset that is not the paper's.
    """
    if protocol is None:
        return ()
    if protocol not in PROTOCOLS:
        raise UsageError(f"--protocol {protocol}: choose paper or released")
    if preset not in PAPER_PRESETS:
        raise UsageError(f"--protocol has no effect without a preset of the paper: --preset {', '.join(PAPER_PRESETS)}")
    return () if protocol == "paper" else (*_RELEASED, f"sampler.cold_steps={_STEPS[preset]}")
