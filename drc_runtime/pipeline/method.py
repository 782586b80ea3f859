"""How a source's frames are extracted: tracked, with as many steps as fit, or each image from noise of its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from drc_runtime.frames import Frame, Source
from drc_runtime.views.controls import Controls

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction
    from drc_runtime.inference.extractor import Extractor


def extraction_method(
    source: Source,
    extractor: "Extractor",
    controls: Controls,
    steps: int | None,
    fps: float | None,
    notice: Callable[[str], None] | None,
    first: Frame,
) -> Callable[[Frame], "Extraction"]:
    """How to extract the frames of ``source``, decided with the ``first`` of them, whose size decides what a frame costs.

    Args:
        source: still images are extracted from noise each, everything else is tracked.
        extractor: of the model.
        controls: their steps, where a person has set them, hold from the next frame on.
        steps: Langevin steps a frame; None takes what fits ``fps``, but no more than the bundle's own.
        fps: frames a second; None takes a live source's rate, and for others sets no limit.
        notice: told how many steps were chosen.
        first: the first frame.
    """
    if source.rate is None:
        return _image_by_image(source, extractor, controls, steps)
    rate = fps if fps is not None else float(source.rate) if source.live else None
    budget = None
    if rate is not None:
        from drc_runtime.inference.calibration import calibrate

        fits = calibrate(extractor, first.image, rate)
        steps = steps or fits.steps
        budget = max(steps, fits.budget)
        if notice is not None:
            notice(f"{steps} steps a frame, of {fits.budget} that fit {rate:g} frames/s on this machine")
    track = extractor.track(steps=steps, budget=budget)
    chosen = track.steps

    def follow(frame: Frame) -> "Extraction":
        track.steps = controls.settings.steps or chosen
        return track.step(frame.image)

    return follow


def _image_by_image(
    source: Source, extractor: "Extractor", controls: Controls, steps: int | None
) -> Callable[[Frame], "Extraction"]:
    """Each from noise of its own: that of images which are skipped is drawn too, so that all results are those of one run."""
    passed = 0

    def extract(frame: Frame) -> "Extraction":
        nonlocal passed
        for _ in range(passed, source.skipped):
            extractor.sampler.noise()
        passed = source.skipped
        return extractor.extract(frame.image, steps=controls.settings.steps or steps)

    return extract
