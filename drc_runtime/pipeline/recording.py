"""Records what ``--learn`` learns from: frames that differ, so that a scene in which nothing moves does not fill a folder."""

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.atomic import atomic_write
from drc_runtime.errors import OutputError, TrainingError
from drc_runtime.frames import Frame, Source
from drc_runtime.images import Image, list_images, read_image
from drc_runtime.pipeline.learn_state import LearnCallback, LearnState
from drc_runtime.preprocess import resize

WANTED = 500
"""Frames that differ. With more of them a static camera's model hardly improves, and each is visited less often."""
MORE = 100
"""New frames that are wanted beside those of earlier recordings."""
FEWEST = 16
"""With fewer frames nothing can be told from the background."""
LIVE_GAP = 0.2
"""Seconds between recorded frames of a live source: neighbouring frames hardly differ."""
THUMBNAIL = 32
"""Height and width at which frames are compared: small enough that a sensor's noise averages out."""
DIFFERENCE = 16
"""Grey levels by which a pixel of the thumbnail has to differ."""
PIXELS = 6
"""Pixels of the thumbnail that have to differ: 0.6 % of the frame."""
LONGEST_SIDE = 320
"""Pixels. The static-camera preset learns at 64x64, and other presets at no more than this."""
JPEG_QUALITY = 95


class Recording:
    """A folder of JPEG files ``00000.jpg``, ``00001.jpg``, ... in the order in which they were recorded.

    A frame is kept only if it differs from all that are in the folder, those of earlier recordings included.

    Raises:
        OutputError: the folder cannot be made.
        SourceError: a frame of an earlier recording cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            earlier = list_images(folder) if any(folder.glob("*.jpg")) else []
        except OSError as error:
            raise OutputError(f"cannot record into {folder}: {error.strerror}; choose another --keep") from error
        self._thumbnails = np.empty((max(64, 2 * len(earlier)), THUMBNAIL, THUMBNAIL), np.int16)
        self._count = 0
        for path in earlier:
            self._remember(_thumbnail(read_image(path)))
        self._next = 1 + max((int(path.stem) for path in earlier if path.stem.isdecimal()), default=-1)

    def __len__(self) -> int:
        return self._count

    def offer(self, image: Image) -> bool:
        """Keeps ``image (H, W, 3)`` uint8 RGB if it differs from every frame that is kept; returns whether it does.

        Raises:
            OutputError: the file cannot be written.
        """
        thumbnail = _thumbnail(image)
        differs = np.abs(self._thumbnails[: self._count] - thumbnail) > DIFFERENCE
        if self._count and int(differs.sum((1, 2)).min()) < PIXELS:
            return False
        scale = min(1.0, LONGEST_SIDE / max(image.shape[:2]))
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        small = cv2.cvtColor(resize(image, (height, width)), cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        atomic_write(self.folder / f"{self._next:05d}.jpg", data.tobytes())
        self._next += 1
        self._remember(thumbnail)
        return True

    def _remember(self, thumbnail: NDArray[np.int16]) -> None:
        if self._count == len(self._thumbnails):
            self._thumbnails = np.concatenate([self._thumbnails, np.empty_like(self._thumbnails)])
        self._thumbnails[self._count] = thumbnail
        self._count += 1


def record(source: Source, frames: Iterator[Frame], recording: Recording, until: float, report: LearnCallback) -> None:
    """Fills the recording: a live source until the wanted number is reached, a file evenly over its whole length.

    Args:
        source: whose frames they are.
        frames: as many are taken as are needed.
        recording: gets them.
        until: by ``time.monotonic``; recording ends then at the latest.
        report: called with the number of frames.

    Raises:
        TrainingError: fewer than ``FEWEST`` frames differ; what is recorded is kept.
        OutputError, SourceError: a file cannot be written, the source cannot be read.
    """
    earlier = len(recording)
    wanted = max(WANTED, earlier + MORE)
    stride = 1 if source.live else max(1, (source.count or 0) // WANTED)
    due = 0.0
    report(LearnState("recording", earlier, wanted))
    for frame in frames:
        if (frame.seconds >= due) if source.live else (frame.index % stride == 0):
            due = frame.seconds + LIVE_GAP
            recording.offer(frame.image)
            report(LearnState("recording", len(recording), wanted))
        full = len(recording) >= wanted if source.live else len(recording) - earlier >= 2 * WANTED
        if full or time.monotonic() > until:
            break
    if len(recording) < FEWEST:
        raise TrainingError(
            f"only {len(recording)} frames differed, {FEWEST} are the fewest to learn from; let things move before the camera, "
            f"and repeat: what is recorded is kept in {recording.folder}"
        )


def _thumbnail(image: Image) -> NDArray[np.int16]:
    return cv2.cvtColor(resize(image, (THUMBNAIL, THUMBNAIL)), cv2.COLOR_RGB2GRAY).astype(np.int16)
