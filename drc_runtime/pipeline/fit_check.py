"""Whether a model fits the footage: its log-posterior a pixel, compared with what it was on the training images."""

from statistics import median
from typing import TYPE_CHECKING

from drc_runtime.bundle.manifest import Manifest

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction

LOG_POSTERIOR = "log_posterior_per_pixel"
"""In the manifest's ``training``: of the training images at the end of learning."""
WORSE = 4.0
"""Nats a pixel below the training images, from which on footage does not fit."""
FIRST, EVERY = 25, 50
"""Frames until a video is judged, and between two judgements."""
FIRST_IMAGES = 5


class FitCheck:
    """Sees the log-posterior of every frame or image and says in one line when the model begins or ceases to fit.

    Models of earlier versions, whose manifests hold no log-posterior, are not judged.
    """

    def __init__(self, manifest: Manifest, *, is_still: bool, count: int | None) -> None:
        """``count``: of the images of a source of images."""
        value = manifest.training.get(LOG_POSTERIOR)
        self._expected = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        self._pixels = manifest.image_size[0] * manifest.image_size[1]
        self._name = manifest.name
        self._due = min(FIRST_IMAGES, count or FIRST_IMAGES) if is_still else FIRST
        self._values: list[float] = []
        self._fits = True

    def see(self, extraction: "Extraction") -> str | None:
        """Takes the next frame's extraction; returns a line for the user if the judgement has changed."""
        if self._expected is None or extraction.log_posterior is None:
            return None
        self._values.append(extraction.log_posterior / self._pixels)
        if len(self._values) < self._due:
            return None
        found, self._due = median(self._values), EVERY
        self._values.clear()
        fits = found >= self._expected - WORSE
        if fits == self._fits:
            return None
        self._fits = fits
        figures = f"log-posterior a pixel {found:.2f}, {self._expected:.2f} on its training images"
        if fits:
            return f"the model {self._name} fits now ({figures})"
        return f"the model {self._name} does not fit what it sees ({figures}): take or learn another one"
