"""The result of a run."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class RunReport:
    """The result of a run.

    Attributes:
        frames: frames with a mask.
        skipped: images of a folder that an earlier run had done.
        failures: one line for each item that failed; the run failed in part unless it is empty.
        dropped: frames of a live source that arrived while an earlier one was processed.
        outputs: files and folders that were written.
        learned: the bundle that was learned first, or None.
        interrupted: whether Ctrl-C or SIGTERM ended the run; what is finished is kept.
        signal: the signal's number, or None.
        live: whether the source is a camera or a stream.
        state, reconnects: of the source at the end, see ``Source``.
        age_p50, age_p95: milliseconds from a live frame's capture to the end of its outputs; None for other sources.
        seconds: from the call to the end.
        steps: Langevin steps of the last frame.
        first_mask_seconds: from the call to the first mask, loading included; None without frames.
        milliseconds_p50, milliseconds_p95: from a frame to its mask, over the last 10,000 frames; None without frames.
        foreground_share: mean share of foreground pixels, in [0, 1].
    """

    frames: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)
    dropped: int = 0
    outputs: list[Path] = field(default_factory=list)
    learned: Path | None = None
    interrupted: bool = False
    signal: int | None = None
    live: bool = False
    state: str = "live"
    reconnects: int = 0
    age_p50: float | None = None
    age_p95: float | None = None
    seconds: float = 0.0
    steps: int = 0
    first_mask_seconds: float | None = None
    milliseconds_p50: float | None = None
    milliseconds_p95: float | None = None
    foreground_share: float = 0.0
