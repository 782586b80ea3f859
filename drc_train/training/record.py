"""What a checkpoint says beside its tensors: the run, how far it is, and its configuration, as JSON."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from drc_runtime.bundle.manifest import MANIFEST
from drc_runtime.errors import TrainingError
from drc_runtime.version import __version__
from drc_train.config import Config
from drc_train.learner.swap import Swap
from drc_train.training.legacy import is_version_1, translate_state

STATE_FILE = "checkpoint.json"
"""Repeats the newest checkpoint's state; a folder with this file is a run."""
FORMAT, VERSION = "drc-checkpoint", 2


Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000_000)]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Seconds = Annotated[float, Field(strict=True, ge=0, le=1e12)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}\.safetensors$")]
"""In the run's own folder."""


class NewerVersionError(TrainingError):
    """A checkpoint of a newer version of drc: not damaged, but not readable here."""


class Best(NamedTuple):
    """The best checkpoint so far."""

    score: Finite | None = None
    """See ``drc_train.training.monitors.Score``; None if there is no best one yet."""
    iteration: Count = 0


class RunningMean(NamedTuple):
    """The state of an exponential running mean."""

    mean: Finite = 0.0
    weight: Finite = 0.0


@dataclass(frozen=True)
class RunRecord:
    """Where a run comes from and how it goes."""

    source: str
    """As ``drc train`` was given it."""
    preset: str
    """Name or file of the recipe."""
    images: Count
    """Images that it learned from."""
    fingerprint: str = ""
    """SHA-256 of their pixels, see ``drc_train.data.cache``."""
    seconds: Seconds = 0.0
    """Spent learning, in all calls together."""
    score: RunningMean = RunningMean()
    """State of ``drc_train.training.monitors.Score``."""
    best: Best = Best()
    compiled: tuple[Swap, ...] = ()
    """When learning changed to compiled steps, in all calls; without any, it went without the compiler or compiled first."""


@dataclass(frozen=True)
class RunState:
    """The JSON part of a checkpoint."""

    tensors: FileName
    """Name of the file that holds the tensors."""
    iteration: Count
    """Iterations so far."""
    position: Count
    """As in ``drc_train.learner.state.LearnerState``."""
    config: Config
    about: RunRecord
    marked: bool = field(default=False, compare=False)
    """Whether the images beside the checkpoint have the mark of ``drc_runtime.marks``; earlier versions wrote none."""

    def to_json(self) -> str:
        """The text that ``from_json`` reads."""
        values = {
            "format": FORMAT,
            "version": VERSION,
            "drc": __version__,
            "tensors": self.tensors,
            "iteration": self.iteration,
            "position": self.position,
            "config": self.config.model_dump(mode="json"),
            "about": asdict(self.about),
            "marked": True,
        }
        return json.dumps(values, indent=1)

    @classmethod
    def from_json(cls, text: str, name: str) -> "RunState":
        """Reads a state, of this version or an earlier one.

        Args:
            text: JSON.
            name: the file that it comes from, for messages.

        Raises:
            NewerVersionError: a newer version of drc wrote it.
            TrainingError: damaged, or no state at all.
        """
        try:
            values: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise TrainingError(f"{name} is damaged: {str(error) or 'nested too deeply'}") from error
        if is_version_1(values):
            values = translate_state(values)
        elif not isinstance(values, dict) or values.get("format") != FORMAT or type(values.get("version")) is not int:
            raise TrainingError(f"{name} is not a checkpoint of drc train")
        elif values["version"] > VERSION:
            raise NewerVersionError(
                f"{name} was written by drc {values.get('drc', '(newer)')} (checkpoint version "
                f"{values['version']}); drc {__version__} reads up to version {VERSION}: update drc"
            )
        try:
            return TypeAdapter(cls).validate_python(values)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise TrainingError(f"{name} is damaged: {place}: {first['msg']}") from error


def is_run(folder: Path) -> bool:
    """Whether ``folder`` is the ``--out`` folder of ``drc train`` (or a checkpoint in it), and not a bundle."""
    return folder.suffix == ".safetensors" or (folder / STATE_FILE).is_file() and not (folder / MANIFEST).is_file()
