"""Writes the synthetic data sets in this project's folder form.

Images: ``images/00000.png`` and ``masks/00000.png``. Clips: ``clip.mp4`` and ``masks/00000.png``, one for each frame.
"""

from collections.abc import Iterable
from pathlib import Path

from drc_runtime.errors import UsageError
from drc_runtime.images import Image, write_png
from drc_train.data.folders import staged_folder
from drc_train.data.synthetic import tm_dsprites
from drc_train.data.synthetic.scene import RATE, draw_scene

SETS = ("tm-dsprites", "scene", "sprites")
QUALITY = "16"
"""x264's constant rate factor: low enough that most of the scene's camera noise survives."""


def draw_data_set(name: str, folder: Path, count: int = 1000, size: int = 128, seed: int = 0) -> int:
    """Draws a synthetic data set into a folder. If anything fails, nothing is written.

    Args:
        name: ``tm-dsprites`` (images), ``sprites`` (such sprites in motion) or ``scene`` (a static camera).
        folder: made if it does not exist; it must be empty.
        count: number of images or frames.
        size: height in pixels; the scene is 4:3, everything else square.
        seed: from 0. The samples were drawn with 1, ``drc eval NAME`` draws with 2, ``drc train NAME`` with 1000.

    Returns:
        How many images or frames were written.

    Raises:
        UsageError: the set is unknown, or a count, size or seed that cannot be drawn.
        OutputError: the folder is not empty, or the disk refuses.
        MissingDependencyError: PyAV is missing, which encodes clips.
    """
    if name not in SETS:
        raise UsageError(f"no synthetic data set is called {name!r}; there are: {', '.join(SETS)}")
    if count < 1 or seed < 0:
        raise UsageError(f"cannot draw {count} images with seed {seed}; give at least 1 and a seed from 0")
    if not 16 <= size <= 2048 or (name != "tm-dsprites" and size % 2):
        raise UsageError(f"cannot draw {size} pixels high; give 16 to 2048, and an even number for a clip")
    with staged_folder(Path(folder)) as stage:
        (stage / "masks").mkdir()
        if name == "tm-dsprites":
            (stage / "images").mkdir()
            for index, (image, mask) in enumerate(tm_dsprites.draw_each(count, size, seed)):
                write_png(stage / "images" / f"{index:05d}.png", image)
                write_png(stage / "masks" / f"{index:05d}.png", mask)
        elif name == "sprites":
            frames = zip(*tm_dsprites.draw_clip(count, size, seed), strict=True)
            _write_clip(stage, frames, size, size)
        else:
            width = 2 * round(size * 2 / 3)
            _write_clip(stage, draw_scene(count, size, width, seed), size, width)
    return count


def _write_clip(stage: Path, frames: Iterable[tuple[Image, Image]], height: int, width: int) -> None:
    import av

    options = {"crf": QUALITY, "preset": "slow", "threads": "1"}
    with av.open(str(stage / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index, (image, mask) in enumerate(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            write_png(stage / "masks" / f"{index:05d}.png", mask)
        container.mux(stream.encode())
