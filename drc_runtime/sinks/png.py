"""Sinks that write one PNG file for each frame, each atomically."""

from pathlib import Path
from typing import TYPE_CHECKING

from drc_runtime.errors import OutputError
from drc_runtime.frames import Frame, Sink, View
from drc_runtime.images import Image, write_png
from drc_runtime.views.compose import binary
from drc_runtime.views.controls import Controls

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction


class MaskSink(Sink):
    """Writes ``folder/NAME.png``, 8 bits, at the frame's size: 255 for foreground and 0 for background.

    Args:
        folder: created if it does not exist.
        soft: writes the probability, 0 to 255, without a threshold.
        controls: gives the threshold for each frame; None: 0.5.

    Raises:
        OutputError: the folder cannot be created, or a file cannot be written.
    """

    def __init__(self, folder: Path, *, soft: bool = False, controls: Controls | None = None) -> None:
        _make_folder(folder)
        self._folder = folder
        self._controls = controls or Controls()
        self._soft = soft

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        write_png(self._folder / f"{frame.name}.png", extraction.probability if self._soft else self._mask(extraction))

    def _mask(self, extraction: "Extraction") -> Image:
        return binary(extraction.probability, self._controls.settings.threshold)

    def close(self) -> None:
        pass

    def discard(self) -> None:
        pass


class ImageSink(Sink):
    """Writes what ``view`` returns, RGB or RGBA, as PNG.

    Args:
        path: a file that ends in ``.png``, for a source of one image; or a folder, created if needed, for ``NAME.png``.
        view: makes the image from a frame and its extraction.

    Raises:
        OutputError: the folder cannot be created, or a file cannot be written.
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


def disagreement(frame: Frame, extraction: "Extraction") -> Image:
    """A view of the extraction's ``disagreement (H, W)``, of a mask that was cut again."""
    assert extraction.disagreement is not None, "the cut is on"
    return extraction.disagreement


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot create the folder {folder}: {error.strerror}; choose another place") from error
