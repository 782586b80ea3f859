"""Shared by the runtime's tests: images and videos with known pixels."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.videos import write_video

RAMP_STEP = 8  # brightness by which frame i + 1 differs from frame i; lossy codecs keep it apart

MakeVideo = Callable[..., Path]


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    """Writes a video whose frame i has the brightness 8 i (modulo 256)."""

    def make(name: str, frames: int = 12, size: tuple[int, int] = (48, 64), rate: float = 30000 / 1001) -> Path:
        images = (np.full((*size, 3), RAMP_STEP * index % 256, np.uint8) for index in range(frames))
        return write_video(tmp_path / name, images, rate)

    return make


@pytest.fixture
def image() -> np.ndarray:
    """An image (32, 48, 3) with a bright rectangle, rows 8 to 24 and columns 10 to 30, on a dark ground."""
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[..., 2] = 60
    pixels[8:24, 10:30] = (250, 200, 150)
    return pixels


@pytest.fixture
def save() -> Callable[[Path, np.ndarray], Path]:
    """Writes RGB, RGBA or grey pixels to a file, in the format of its suffix."""

    def write(path: Path, pixels: np.ndarray) -> Path:
        if pixels.ndim == 3:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR)
        done, data = cv2.imencode(path.suffix, pixels)
        assert done
        path.write_bytes(data.tobytes())
        return path

    return write
