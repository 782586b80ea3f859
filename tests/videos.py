"""Writes small videos for tests."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np


def write_video(path: Path, images: Iterable[np.ndarray], rate: float = 25) -> Path:
    """Encodes ``images``, ``(H, W, 3)`` uint8 RGB of one size: Motion JPEG in ``.avi``, MPEG-4 in ``.mp4``."""
    writer: cv2.VideoWriter | None = None
    for image in images:
        if writer is None:
            codec = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
            writer = cv2.VideoWriter(str(path), codec, rate, (image.shape[1], image.shape[0]))
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    assert writer is not None
    writer.release()
    return path
