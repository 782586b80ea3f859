"""The options of a run, grouped by what they decide. None means that an option was not given."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drc_runtime.camera.adaptation import ABSORB_SECONDS, ADAPT, Adaptation
from drc_runtime.errors import UsageError
from drc_runtime.inference.options import Sampling, check_refinement, refinement
from drc_runtime.machine import check_threads
from drc_runtime.pipeline.learn_state import LearnCallback
from drc_runtime.views.controls import OVERLAYS

DEFAULT_BACKGROUND = "overlay"
DEFAULT_THRESHOLD = 0.5
HIGHEST_RATE = 1000
SHORTEST_LEARNING = 60.0
"""Seconds."""
GPU_ENGINES = frozenset({"onnxruntime-cuda", "onnxruntime-tensorrt", "tensorrt"})
"""Backends in which the number of processor threads has no effect."""

Progress = Callable[[int, int | None], None]
Notice = Callable[[str], None]


@dataclass(frozen=True)
class ModelOptions:
    """Which model runs, and how.

    Raises:
        UsageError: a value is out of range, or an option has no effect beside another one.
    """

    bundle: Path | str | None = None
    """Bundle folder. None takes the bundle of the sample for ``sample:NAME``, and otherwise the bundled model for the video of
    any fixed camera."""
    engine: str = "onnxruntime"
    """Backend, a key of ``drc_runtime.engines.ENGINES``."""
    precision: str = "fp32"
    """``fp32``, or ``fp16`` if the bundle has it."""
    mask: str = "responsibility"
    """``responsibility`` (Eq. 7) or ``mixture`` (pi_f)."""
    steps: int | None = None
    """Langevin steps for each frame. None takes as many as fit ``rate``, and not more than the bundle's own number."""
    rate: float | None = None
    """Frames per second that the steps must leave time for, in (0, 1000]. None takes a live source's own rate, and no limit
    for a file. The cost of a step is measured once, on the first frame."""
    threads: int | None = None
    """Processor threads of the network. None takes all cores that this process may use."""
    seed: int | None = None
    """Of the Langevin noise. None takes 0."""
    temperature: float = 0.0
    """Scale of the noise in the steps, in [0, 10]: 0 climbs to a mode of the posterior, 1 samples it (Eq. 13)."""
    from_noise: bool = False
    """Chains begin at noise although the bundle has an initialiser."""
    refine: str | None = None
    """What follows the mask of a still image, one of ``REFINEMENTS``. None: ``DEFAULT_REFINEMENT``, of a student ``none``."""
    student: bool = False
    """Masks come from the bundle's student, in one pass for each frame and without a chain."""
    adapt: str | None = None
    """What of a fixed camera's state may change, see ``Adaptation.what``. None takes its default."""
    absorb: str | None = None
    """Duration after which a thing that stays becomes background, such as ``30m``, or ``never``. None takes the default of
    ``Adaptation``."""

    @property
    def sampling(self) -> Sampling:
        """How chains begin and go on."""
        return Sampling(self.temperature, self.from_noise)

    @property
    def refinement(self) -> str:
        """What follows the mask of a still image."""
        return refinement(self.refine, self.student)

    @property
    def adaptation(self) -> Adaptation:
        """How a model of any fixed camera follows its camera.

        Raises:
            UsageError: ``adapt`` or ``absorb`` is not allowed.
        """
        absorb = ABSORB_SECONDS if self.absorb is None else None
        if self.absorb not in (None, "never"):
            absorb = parse_duration(str(self.absorb), "--absorb")
        return Adaptation(self.adapt or ADAPT[0], absorb)

    def __post_init__(self) -> None:
        if self.absorb is not None and self.adapt not in (None, "all"):
            raise UsageError(f"--absorb has no effect with --adapt {self.adapt}: leave out one of them")
        _ = self.adaptation
        check_refinement(self.refine)
        if self.steps is not None and self.steps < 1:
            raise UsageError(f"--steps {self.steps} is too few; use 1 or more")
        if self.rate is not None and not 0 < self.rate <= HIGHEST_RATE:
            raise UsageError(f"--fps {self.rate:g} is out of range; use a number above 0, up to {HIGHEST_RATE}")
        check_threads(self.threads)
        if self.student:
            self._check_student()
        if self.steps is not None and self.rate is not None:
            raise UsageError("--fps chooses the number of steps, and --steps sets it: leave out one of them")
        if self.threads is not None and self.engine in GPU_ENGINES:
            raise UsageError(
                f"--threads has no effect with --engine {self.engine}, which runs on the GPU: leave it out"
            )

    def _check_student(self) -> None:
        others = {
            "--steps": self.steps is not None,
            "--fps": self.rate is not None,
            "--mask": self.mask != "responsibility",
            "--seed": self.seed is not None,
            "--temperature": self.temperature != 0,
            "--from-noise": self.from_noise,
            "--adapt": self.adapt is not None,
            "--absorb": self.absorb is not None,
        }
        given = [name for name, is_given in others.items() if is_given]
        if given:
            raise UsageError(f"{given[0]} has no effect with --student, which runs no chain: leave it out")


@dataclass(frozen=True)
class OutputOptions:
    """What a run writes.

    Raises:
        UsageError: a value is out of range, or an option has no effect beside the others.
    """

    out: Path | None = None
    """For videos and live sources a video (``.mp4``, ``.mov``, ``.webm``, ``.avi``); for images a ``.png`` or a folder of
    cut-outs. ``sample`` writes ``drc-sample.mp4`` if nothing else is named."""
    masks: Path | None = None
    """Folder that gets one PNG mask for each frame: 0 background, 255 foreground."""
    soft: bool = False
    """Masks keep the probability, 0 to 255, instead of the two values."""
    alpha: bool = False
    """``out`` keeps the transparency of a video's foreground: ProRes 4444 in ``.mov``, VP9 in ``.webm``, or a folder of PNG."""
    audio: bool | None = None
    """Whether ``out`` keeps the sound of the file that is read. None keeps it where possible."""
    background: str | None = None
    """What stands behind the foreground, see ``parse_background``; or the path of a video, which is repeated. None takes
    ``overlay``."""
    threshold: float | None = None
    """In (0, 1): pixels with at least this probability are foreground. None takes 0.5."""
    log: Path | None = None
    """A file that gets one line of JSON for each frame; lines are added if it exists."""
    overwrite: bool = False
    """Allows existing outputs to be replaced."""
    resume: bool = False
    """Continues a folder of images where an earlier run ended, see ``drc_runtime.pipeline.resume``."""
    events: Path | None = None
    """A file that gets a line of JSON when something enters, stands, moves on or leaves, see ``drc_runtime.sinks.events``."""
    boxes: bool = False
    """The overlay has a box around each thing."""
    uncertainty: Path | None = None
    """Folder that gets one PNG for each image: ``Extraction.disagreement``."""

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise UsageError(f"--threshold {self.threshold:g} is out of range; use a number between 0 and 1")
        if self.soft and self.masks is None:
            raise UsageError("--soft is for masks: add --masks DIR, or leave --soft out")
        if self.alpha and (self.out is None or self.background is not None):
            raise UsageError("--alpha needs --out for the transparent foreground, and takes no --background")
        if self.boxes and (self.alpha or self.background not in (None, *OVERLAYS)):
            raise UsageError(f"--boxes are drawn into the overlay: leave out --boxes, or take {' or '.join(OVERLAYS)}")
        if self.events is not None and self.log is not None and self.events.resolve() == self.log.resolve():
            raise UsageError(f"--events and --log both name {self.log}; name two files")
        if self.resume and not self.paths:
            raise UsageError("--resume continues what an earlier run wrote: add its --masks DIR or --out DIR")

    @property
    def folders(self) -> dict[str, Path]:
        """The folders that get one PNG for each frame whatever the source, by their options."""
        folders = {"--masks": self.masks, "--uncertainty": self.uncertainty}
        return {option: folder for option, folder in folders.items() if folder is not None}

    @property
    def paths(self) -> list[Path]:
        """The files and folders that get results."""
        return [*([] if self.out is None else [self.out]), *self.folders.values()]


@dataclass(frozen=True)
class WatchOptions:
    """Who sees a run while it goes on.

    Raises:
        UsageError: an option has no effect beside the others.
    """

    serve: str | None = None
    """``[HOST:]PORT`` of a page with the live view and the controls; without a host only this machine reaches it."""
    token: str | None = None
    """Access token of the page. None makes a random one unless only this machine reaches the page."""
    vcam: bool = False
    """Other programs see the result as a camera."""
    display: bool = True
    """Allows a window. It opens for live sources, and for others if no output is named."""

    def __post_init__(self) -> None:
        if self.token is not None and self.serve is None:
            raise UsageError("--token is for the page; add --serve [HOST:]PORT")

    @property
    def watched(self) -> bool:
        """Whether the page or other programs show the result."""
        return self.serve is not None or self.vcam


@dataclass(frozen=True)
class LearnOptions:
    """How a model of the source is learned, see ``drc_runtime.pipeline.learn``: of a live source while it runs, of a file before.

    Raises:
        UsageError: the time is too short.
    """

    seconds: float
    """For recording, learning and export together; at least 60."""
    keep: Path | None = None
    """Folder for frames, training run and bundles. None takes ``drc-learned/NAME``."""

    def __post_init__(self) -> None:
        if not self.seconds >= SHORTEST_LEARNING:
            raise UsageError(
                f"--learn {self.seconds:g}s is too short to learn anything; 1m is the least, 10m a good start"
            )


@dataclass(frozen=True)
class Callbacks:
    """Functions that a run calls."""

    progress: Progress | None = None
    """After each frame, with the number of frames done and their total, None if unknown."""
    learning: LearnCallback | None = None
    """With the progress of learning."""
    notice: Notice | None = None
    """With a line of text, from any thread, when something changes: steps chosen, source lost, source back."""


def parse_duration(text: str, option: str = "--learn") -> float:
    """``90s``, ``10m`` or ``1h`` in seconds.

    Raises:
        UsageError: the text is none of these.
    """
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(s|m|h)", text.strip())
    if match is None:
        raise UsageError(f"{option} {text}: write the duration as 90s, 10m or 1h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
