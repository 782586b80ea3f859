"""The options of a run, by what they are about. None means not given, so that an option without effect can be refused."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drc_runtime.pipeline.learn import LearnState


@dataclass(frozen=True)
class ModelOptions:
    """Which model computes the masks, and how."""

    bundle: Path | str | None = None
    engine: str = "onnxruntime"
    precision: str = "fp32"
    mask: str = "responsibility"
    steps: int | None = None
    rate: float | None = None
    threads: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class OutputOptions:
    """What is written, where and in which form."""

    out: Path | None = None
    masks: Path | None = None
    soft: bool = False
    alpha: bool = False
    audio: bool | None = None
    background: str | None = None
    threshold: float | None = None
    log: Path | None = None
    overwrite: bool = False
    resume: bool = False


@dataclass(frozen=True)
class WatchOptions:
    """How people and programs watch the run."""

    serve: str | None = None
    token: str | None = None
    vcam: bool = False
    display: bool = True


@dataclass(frozen=True)
class LearnOptions:
    """How long to learn a model of the source first, and where to keep it."""

    seconds: float
    keep: Path | None = None


@dataclass(frozen=True)
class Callbacks:
    """Functions that the run calls as it goes on."""

    progress: Callable[[int, int | None], None] | None = None
    learning: "Callable[[LearnState], None] | None" = None
    notice: Callable[[str], None] | None = None
