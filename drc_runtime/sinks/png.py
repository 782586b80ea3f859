"""Sinks that write one PNG for each frame; every file appears whole or not at all."""

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.atomic import atomic_write
from drc_runtime.errors import OutputError
from drc_runtime.frames import Frame, Sink, View
from drc_runtime.views.compose import binary
from drc_runtime.views.controls import Controls

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction


class MaskSink(Sink):
    """``folder/NAME.png``, 8 bits, at the frame's size: 0 and 255 after the threshold; the probability if ``soft``.

    Args:
        folder: made if it does not exist.
        soft: no threshold.
        controls: whose threshold holds, frame by frame; one half if None.

    Raises:
        OutputError: the folder cannot be made, or a file cannot be written.
    """

    def __init__(self, folder: Path, *, soft: bool = False, controls: Controls | None = None) -> None:
        _make_folder(folder)
        self._folder = folder
        self._controls = controls or Controls()
        self._soft = soft

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        write_png(self._folder / f"{frame.name}.png", extraction.probability if self._soft else self._mask(extraction))

    def _mask(self, extraction: "Extraction") -> NDArray[np.uint8]:
        return binary(extraction.probability, self._controls.settings.threshold)

    def close(self) -> None:
        pass

    def discard(self) -> None:
        pass


class ImageSink(Sink):
    """Images as PNG, RGB or RGBA as ``view`` gives them.

    Args:
        path: a file ending in ``.png``, for a source of one image, or a folder that gets ``NAME.png``.
        view: what is written of a frame.

    Raises:
        OutputError: the folder cannot be made, or a file cannot be written.
    """

    def __init__(self, path: Path, view: View) -> None:
        self._file = path if path.suffix.lower() == ".png" else None
        self._folder = path
        self._view = view
        if self._file is None:
            _make_folder(path)

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        write_png(self._file or self._folder / f"{frame.name}.png", self._view(frame, extraction))

    def close(self) -> None:
        pass

    def discard(self) -> None:
        pass


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes ``(H, W)`` grey, ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA, uint8, in one step.

    Raises:
        OutputError: the file cannot be written.
    """
    if image.ndim == 3:
        order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
        image = np.asarray(cv2.cvtColor(image, order), np.uint8)
    done, data = cv2.imencode(".png", image)
    if not done:
        raise OutputError(f"cannot write {path}: OpenCV cannot encode PNG on this machine; reinstall opencv-python")
    atomic_write(path, data.tobytes())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}; choose another place") from error
