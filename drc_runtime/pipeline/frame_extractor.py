"""From a frame to its mask: videos and live sources are tracked, still images each start from noise."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from drc_runtime.camera.adaptation import Adaptation
from drc_runtime.frames import Frame, Source
from drc_runtime.inference.calibration import Calibration, calibrate
from drc_runtime.inference.camera_track import CameraTrack
from drc_runtime.inference.tracking import FRAME_SECONDS
from drc_runtime.pipeline.failures import Failures
from drc_runtime.pipeline.fit_check import FitCheck
from drc_runtime.pipeline.options import Notice
from drc_runtime.pipeline.rate_meter import RateMeter
from drc_runtime.pipeline.side_by_side import SideBySide
from drc_runtime.views.controls import Controls

if TYPE_CHECKING:
    from drc_runtime.camera.fixed_camera import FixedCamera
    from drc_runtime.engines.protocol import Array
    from drc_runtime.inference.extraction import Extraction
    from drc_runtime.inference.extractor import Extractor
    from drc_runtime.inference.tracking import Track

LONGEST_GAP = 1.0
"""Seconds: what a camera's state has not seen for longer, it does not count as seen."""
RATE_CHANGE = 0.2
"""The steps are planned again if a live source's rate differs from the planned one by more than this share."""


class FrameExtractor:
    """Extracts the frames of one source in their order.

    Args:
        extractor: of the model; several side by side are for images.
        source: decides whether frames are tracked. A live source and a folder survive a frame on which the network fails.
        controls: the number of steps that a person has set holds from the next frame on.
        steps: Langevin steps for each frame. None takes what fits ``rate``, and not more than the bundle's own number.
        rate: frames per second. None takes a live source's own rate, which is measured as well, and no limit for a file.
        adaptation: how a model of any fixed camera follows its camera.
        notice: called with the number of steps that calibration chose, and with what happened to a fixed camera.
        background: that was learned earlier, ``(h, w, 3)`` in grey levels, for a model of any fixed camera.

    Attributes:
        failures: lines about the frames on which the network failed, see ``Failures``.
    """

    def __init__(
        self,
        extractor: "Extractor | SideBySide",
        source: Source,
        controls: Controls,
        *,
        steps: int | None = None,
        rate: float | None = None,
        adaptation: Adaptation = Adaptation(),  # noqa: B008 - frozen
        notice: Notice | None = None,
        background: "Array | None" = None,
    ) -> None:
        self._failures = Failures(source)
        self.failures = self._failures.lines
        self._extractor = extractor.first if isinstance(extractor, SideBySide) else extractor
        self._images, self._source, self._controls = extractor, source, controls
        self._steps, self._notice, self._adaptation = steps, notice, adaptation
        self._known = background
        self._fit = FitCheck(self._extractor.manifest, is_still=source.is_still, count=source.count)
        self._rate = rate if rate is not None else float(source.rate) if source.live and source.rate else None
        self._meter = RateMeter() if rate is None and source.live else None
        self._reconnects = 0
        self._fits: Calibration | None = None
        self._track: Track | None = None
        self._track_steps = 0
        self._seconds: float | None = None

    def extract(self, frame: Frame) -> "Extraction | None":
        """The foreground of the next frame; None if the network failed on it and the run goes on.

        Raises:
            EngineError: see ``Failures.attempt``.
        """
        extraction = self._failures.attempt(frame, self._extract_still if self._source.is_still else self._extract_next)
        if extraction is not None:
            self._tell(self._fit.see(extraction))
        return extraction

    def _tell(self, line: str | None) -> None:
        if line is not None and self._notice is not None:
            self._notice(line)

    @property
    def camera(self) -> "FixedCamera | None":
        """The state of the camera; None with a model that has a background of its own, and before the first frame."""
        return self._track.camera if isinstance(self._track, CameraTrack) else None

    def know(self, background: "Array") -> None:
        """Takes over a background ``(h, w, 3)`` in grey levels at the next frame, if it explains that frame."""
        if isinstance(self._track, CameraTrack):
            self._track.know(background)

    def go_on_with(self, extractor: "Extractor", z: "Array") -> None:
        """Continues with another model of any fixed camera, of the same size, from its latent ``z`` for the latest frame."""
        before = self._track
        if not isinstance(before, CameraTrack):
            return
        after = extractor.track(steps=before.steps, budget=before.budget, adaptation=self._adaptation)
        assert isinstance(after, CameraTrack)
        after.go_on(before.camera, z)
        self._extractor, self._track = extractor, after
        self._fit = FitCheck(extractor.manifest, is_still=False, count=None)

    def ahead(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """``frames``; where images are extracted side by side, those that follow are begun meanwhile."""
        if isinstance(self._images, SideBySide):
            return self._images.ahead(frames, self._still_steps)
        return frames

    def _still_steps(self) -> int | None:
        return self._controls.settings.steps or self._steps

    def _extract_still(self, frame: Frame) -> "Extraction":
        # by its place in the source, so that a resumed folder gets the results of an uninterrupted run
        return self._images.extract(frame.image, steps=self._still_steps(), index=frame.index)

    def _extract_next(self, frame: Frame) -> "Extraction":
        if self._track is None:
            self._track = self._start_track(frame)
            self._track_steps = self._track.steps
            if isinstance(self._track, CameraTrack) and self._known is not None:
                self._track.know(self._known)
        elif self._meter is not None:
            self._measure(self._meter, frame, self._track)
        self._track.steps = self._controls.settings.steps or self._track_steps
        seconds = FRAME_SECONDS if self._seconds is None else frame.seconds - self._seconds
        self._seconds = frame.seconds
        extraction = self._track.step(frame.image, min(max(seconds, 0.0), LONGEST_GAP))
        for line in self._track.take_notices():
            self._tell(line)
        return extraction

    def _start_track(self, frame: Frame) -> "Track":
        """A track with as many steps as fit the rate, measured on ``frame``, whose size decides what a step costs."""
        if self._rate is None:
            return self._extractor.track(steps=self._steps, adaptation=self._adaptation)
        self._fits = calibrate(self._extractor, frame.image, self._rate)
        steps, budget = self._plan(self._fits, self._rate)
        return self._extractor.track(steps=steps, budget=budget, adaptation=self._adaptation)

    def _measure(self, meter: RateMeter, frame: Frame, track: "Track") -> None:
        """Plans the steps again if frames arrive at another rate than the source states."""
        if self._source.reconnects != self._reconnects:
            self._reconnects = self._source.reconnects
            meter.restart()
        rate = meter.add(frame)
        if rate is None or self._rate is None or self._fits is None or abs(rate / self._rate - 1) <= RATE_CHANGE:
            return
        self._rate = rate
        most = self._extractor.manifest.sampler.track_steps
        self._fits = Calibration.of(self._fits.step_milliseconds, self._fits.frame_milliseconds, rate, most)
        self._track_steps, track.budget = self._plan(self._fits, rate)

    def _plan(self, fits: Calibration, rate: float) -> tuple[int, int]:
        """Steps of an ordinary frame and the budget of the others."""
        steps = self._steps or fits.steps
        if self._notice is not None:
            self._notice(f"{steps} steps a frame, of {fits.budget} that fit {rate:.3g} frames/s on this machine")
        return steps, max(steps, fits.budget)
