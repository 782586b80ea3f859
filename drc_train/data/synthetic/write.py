"""Writes the data sets that are drawn, in the project's folder form, for ``drc data``.

Images: ``images/00000.png`` and ``masks/00000.png``. Clips: ``clip.mp4`` and ``masks/00000.png``, one per frame.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.errors import MissingDependencyError, OutputError, UsageError
from drc_runtime.images import Image
from drc_train.data.synthetic import tm_dsprites
from drc_train.data.synthetic.scene import RATE, draw_scene

SETS = ("tm-dsprites", "scene", "sprites")
QUALITY = "16"
"""x264's constant rate factor: low enough that most of the scene's camera noise survives."""


def write_data_set(name: str, folder: Path, count: int, size: int, seed: int) -> int:
    """Draws a data set into a folder; all of it or, if that fails, nothing.

    Args:
        name: ``tm-dsprites`` (images), ``sprites`` (such sprites in motion) or ``scene`` (a static camera).
        folder: made if it does not exist; it must be empty.
        count: number of images or frames.
        size: height in pixels; the scene is 4:3, everything else square.
        seed: 1 gives the samples, 2 what is evaluated on; for training take 1000 and up.

    Returns:
        How many images or frames were written.

    Raises:
        UsageError: no such set, or a count or size that cannot be drawn.
        OutputError: the folder is not empty, or the disk refuses.
        MissingDependencyError: PyAV is missing, which encodes clips.
    """
    if name not in SETS:
        raise UsageError(f"no data set is called {name!r}; there are: {', '.join(SETS)}")
    if count < 1 or seed < 0:
        raise UsageError(f"cannot draw {count} images with seed {seed}; give at least 1 and a seed from 0 on")
    if not 16 <= size <= 2048 or (name != "tm-dsprites" and size % 2):
        raise UsageError(f"cannot draw {size} pixels high; give 16 to 2048, and an even number for a clip")
    with staged(Path(folder)) as stage:
        (stage / "masks").mkdir()
        if name == "tm-dsprites":
            (stage / "images").mkdir()
            for index, (image, mask) in enumerate(tm_dsprites.draw_each(count, size, seed)):
                write_png(stage / "images" / f"{index:05d}.png", image[..., ::-1])
                write_png(stage / "masks" / f"{index:05d}.png", mask)
        elif name == "sprites":
            frames = zip(*tm_dsprites.draw_clip(count, size, seed), strict=True)
            _write_clip(stage, frames, size, size)
        else:
            width = 2 * round(size * 2 / 3)
            _write_clip(stage, draw_scene(count, size, width, seed), size, width)
    return count


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yields a hidden folder inside ``folder`` whose contents move up when all are written.

    Raises:
        OutputError: the folder is not empty, or the disk refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise OutputError(f"{folder} is not empty; name a new folder")
        stage = Path(tempfile.mkdtemp(prefix=".part-", dir=folder))
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}; choose another place") from error
    try:
        yield stage
        for entry in sorted(stage.iterdir()):
            os.replace(entry, folder / entry.name)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes ``(H, W)`` or ``(H, W, 3)`` BGR uint8 below a staged folder."""
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def _write_clip(stage: Path, frames: Iterable[tuple[Image, Image]], height: int, width: int) -> None:
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError("writing a clip needs PyAV: pip install 'drc[video]'") from error
    options = {"crf": QUALITY, "preset": "slow", "threads": "1"}
    with av.open(str(stage / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index, (image, mask) in enumerate(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            write_png(stage / "masks" / f"{index:05d}.png", mask)
        container.mux(stream.encode())
