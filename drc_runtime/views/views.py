"""The views of a run. All outputs share one image for each frame and view, made with the current threshold."""

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from drc_runtime.errors import SourceError
from drc_runtime.frames import Frame
from drc_runtime.image_formats import is_image_file
from drc_runtime.images import Image
from drc_runtime.plain_text import plain
from drc_runtime.views.boxes import draw_boxes
from drc_runtime.views.compose import (
    BACKGROUNDS,
    cutout,
    is_colour,
    parse_background,
    rebalance,
    replace_background,
)
from drc_runtime.views.controls import OVERLAYS, VIEWS, Controls
from drc_runtime.views.video_background import VideoBackground

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction

Composed = NDArray[np.uint8]
KEPT = 3
"""Frames for which a view is kept: the loop, the writer and the page work on different ones."""


class SharedView:
    """Composes one view. Threads that ask for the same frame get the same image, which they must not write to.

    Args:
        compose: makes the image from the frame's image, the probability and the presentation time.
        controls: gives the threshold.
    """

    def __init__(self, compose: Callable[[Image, Composed, float], Any], controls: Controls) -> None:
        self._compose, self._controls = compose, controls
        self._made: deque[tuple[Frame, float, Composed]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def __call__(self, frame: Frame, extraction: "Extraction") -> Composed:
        threshold = self._controls.settings.threshold
        with self._lock:
            for known, at, made in self._made:
                if known is frame and at == threshold:
                    return made
            probability = rebalance(extraction.probability, threshold)
            made = np.asarray(self._compose(frame.image, probability, frame.seconds), np.uint8)
            self._made.append((frame, threshold, made))
            return made


class Views:
    """All views of a run. A context manager: on exit it ends the decoder of a video background.

    Args:
        background: a value of ``--background``: see ``parse_background``, or the path of a video, which is repeated.
        controls: gives the name of the current view and the threshold. Its names must be those of ``view_names``.
        boxes: overlays have a box around each thing.

    Attributes:
        started: the view that ``background`` names, which outputs write.
        cutout: ``(H, W, 4)`` RGBA with the probability as alpha.

    Raises:
        UsageError: ``background`` is neither a known word nor a file.
        SourceError: the background cannot be read.
    """

    def __init__(self, background: str, controls: Controls, *, boxes: bool = False) -> None:
        self._controls, self._boxes = controls, boxes
        self._moving: VideoBackground | None = None
        names = view_names(background)
        self._views = {name: SharedView(self._still(name), controls) for name in names[1:]}
        self.started = self._views[names[0]] = SharedView(self._asked(background), controls)
        self.cutout = SharedView(lambda image, probability, _: cutout(image, probability), controls)

    def shown(self, frame: Frame, extraction: "Extraction") -> Composed:
        """``(H, W, 3)`` RGB of the current view."""
        return self._views[self._controls.view](frame, extraction)

    def _asked(self, background: str) -> Callable[[Image, Composed, float], Any]:
        path = Path(background)
        if _is_file(background) and not _is_image(path):
            self._moving = moving = VideoBackground(path)
            return lambda image, probability, seconds: replace_background(image, probability, moving.at(seconds))
        return self._still(background)

    def _still(self, name: str) -> Callable[[Image, Composed, float], Any]:
        background = parse_background(name)
        if self._boxes and name in OVERLAYS:  # in side-by-side the overlay is on the right
            return lambda image, probability, _: _with_boxes(background(image, probability), probability)
        return lambda image, probability, _: background(image, probability)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._moving is not None:
            self._moving.close()


def view_names(background: str) -> tuple[str, ...]:
    """The names of a run's views: first that of ``background`` (for a file, its name), then the others of ``VIEWS``."""
    # A file's name may hold bytes that are no text, which the page could not show.
    name = plain(Path(background).name if _is_file(background) else background)
    return (name, *(view for view in VIEWS if view != name))


def _is_file(background: str) -> bool:
    return background not in BACKGROUNDS and not is_colour(background) and Path(background).is_file()


def _is_image(path: Path) -> bool:
    try:
        return is_image_file(path)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def _with_boxes(composed: Image, probability: Composed) -> Image:
    draw_boxes(composed[:, -probability.shape[1] :], probability)
    return composed
