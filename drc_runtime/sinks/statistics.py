"""What a run counts and times: for the window and the page while it goes on, for the report at its end."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import TYPE_CHECKING

import numpy as np

from drc_runtime.frames import Frame, Sink, Source
from drc_runtime.machine import resident_bytes

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction

LATEST = 150
"""Frames that ``Figures`` cover: a few seconds, so that a figure follows changes."""
FRAMES_KEPT = 10_000
"""Frames that the report's percentiles cover, the latest ones: a run may go on for weeks."""


@dataclass(frozen=True)
class Figures:
    """The state of a run at one moment.

    Attributes:
        state, reconnects: of the source, see ``Source``.
        dropped: frames of a live source that arrived while an earlier one was processed, since the run began.
        frames: frames written so far.
        fps: frames per second over the latest ones; None before the second frame.
        age_p50, age_p95: milliseconds from a live frame's capture to the end of its outputs; None for other sources.
        steps: Langevin steps a frame, the median of the latest ones; 0 before the first frame.
        failures: items that could not be read, and frames on which the network failed.
        memory: resident bytes of this process; None where the system does not tell.
        seconds: since the run began; learning a model of a file comes before.
        model: the bundle that runs.
        learning: how far a model is that is learned beside the run; None if there is none.
        notice: the latest line that the run has said.
    """

    state: str
    reconnects: int
    dropped: int
    frames: int
    fps: float | None
    age_p50: float | None
    age_p95: float | None
    steps: int
    failures: int
    memory: int | None
    seconds: float
    model: str = ""
    learning: str | None = None
    notice: str | None = None


@dataclass
class Totals:
    """What a whole run has counted and timed.

    Attributes:
        frames: frames with a mask.
        skipped: images of a folder that an earlier run had done.
        failures: one line for each item that failed; the run failed in part unless it is empty.
        dropped: frames of a live source that arrived while an earlier one was processed.
        live: whether the source is a camera or a stream.
        state, reconnects: of the source at the end, see ``Source``.
        age_p50, age_p95: milliseconds from a live frame's capture to the end of its outputs; None for other sources.
        seconds: from the call, or from the end of learning, to the end.
        steps: Langevin steps a frame, the median over the last 10,000 frames.
        first_mask_seconds: from the call, or from the end of learning, to the first mask, loading included; None without frames.
        milliseconds_p50, milliseconds_p95: from a frame to its mask, over the last 10,000 frames; None without frames.
        foreground_share: mean share of foreground pixels, in [0, 1].
    """

    frames: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)
    dropped: int = 0
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


class RunStatistics(Sink):
    """The last sink of a run: a frame that it gets has passed all others. Any thread may ask for figures.

    Args:
        source: its state, its failures and its dropped frames are reported.
        failures: the growing list of frames on which the network failed, see ``FrameExtractor``.
        started: when the run was called or, if it learned a model first, when that had ended, by ``clock``; None means now.
        clock: seconds, as ``time.monotonic``, by which frames and extractions give their times.
        model: the bundle that runs.

    Attributes:
        model, learning, notice: see ``Figures``; the run changes them.
    """

    def __init__(
        self,
        source: Source,
        failures: Sequence[str] = (),
        *,
        started: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        model: str = "",
    ) -> None:
        self.model = model
        self.learning: str | None = None
        self.notice: str | None = None
        self._source, self._failures, self._clock = source, failures, clock
        self._begun = clock()
        self._started = self._begun if started is None else started
        self._dropped_before = source.dropped  # while a model was learned from the source
        self._lock = threading.Lock()
        self._times: deque[float] = deque(maxlen=LATEST)
        self._ages: deque[float] = deque(maxlen=FRAMES_KEPT)
        self._milliseconds: deque[float] = deque(maxlen=FRAMES_KEPT)
        self._steps: deque[int] = deque(maxlen=FRAMES_KEPT)
        self._frames = 0
        self._share = 0.0
        self._first_mask: float | None = None

    def tell(self, line: str) -> None:
        """Takes a line that the run has said."""
        self.notice = line

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        milliseconds, share = sum(extraction.milliseconds.values()), extraction.foreground_share
        now = self._clock()
        with self._lock:
            self._times.append(now)
            if frame.captured is not None:
                self._ages.append(1000 * (now - frame.captured))
            self._milliseconds.append(milliseconds)
            if self._first_mask is None:
                self._first_mask = extraction.begun + milliseconds / 1000 - self._started
            self._frames += 1
            self._steps.append(extraction.steps)
            self._share += (share - self._share) / self._frames

    def figures(self) -> Figures:
        """The state of the run now."""
        with self._lock:
            times, frames, steps = list(self._times), self._frames, list(self._steps)[-LATEST:]
            age_p50, age_p95 = percentiles(list(self._ages)[-LATEST:])
        return Figures(
            state=self._source.state,
            reconnects=self._source.reconnects,
            dropped=self._source.dropped - self._dropped_before,
            frames=frames,
            fps=(len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else None,
            age_p50=age_p50,
            age_p95=age_p95,
            steps=_median(steps),
            failures=len(self._failures) + len(self._source.failures),
            memory=resident_bytes(),
            seconds=self._clock() - self._begun,
            model=self.model,
            learning=self.learning,
            notice=self.notice,
        )

    def totals(self) -> Totals:
        """What the run has counted and timed; for a run that has ended."""
        age_p50, age_p95 = percentiles(self._ages)
        milliseconds_p50, milliseconds_p95 = percentiles(self._milliseconds)
        return Totals(
            frames=self._frames,
            skipped=self._source.skipped,
            failures=[*self._failures, *self._source.failures],
            dropped=self._source.dropped - self._dropped_before,
            live=self._source.live,
            state=self._source.state,
            reconnects=self._source.reconnects,
            age_p50=age_p50,
            age_p95=age_p95,
            seconds=self._clock() - self._started,
            steps=_median(self._steps),
            first_mask_seconds=self._first_mask,
            milliseconds_p50=milliseconds_p50,
            milliseconds_p95=milliseconds_p95,
            foreground_share=self._share,
        )

    def close(self) -> None:
        pass

    def discard(self) -> None:
        pass


def _median(steps: Sequence[int]) -> int:
    return int(median_low(steps)) if steps else 0


def percentiles(values: Sequence[float]) -> tuple[float, float] | tuple[None, None]:
    """The 50th and the 95th percentile, or None where there are no values."""
    if not values:
        return None, None
    p50, p95 = np.percentile(values, [50, 95])
    return float(p50), float(p95)
