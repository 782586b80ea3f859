"""A small data set with two splits, and another method's masks of it."""

from pathlib import Path

import cv2
import numpy as np
import pytest


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def half(columns: slice, size: int = 8) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[:, columns] = 255
    return mask


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    """Two splits; the object is the left half in ``train``, the right quarter in ``test``."""
    for split, count, columns in (("train", 2, slice(0, 4)), ("test", 1, slice(6, 8))):
        for index in range(count):
            write(tmp_path / "birds" / split / "images" / f"{index}.png", np.full((8, 8, 3), 50 * index, np.uint8))
            write(tmp_path / "birds" / split / "masks" / f"{index}.png", half(columns))
    return tmp_path / "birds"


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Masks that are right in ``train/0``, the complement of the truth in ``train/1``; half of 0's size."""
    write(tmp_path / "other" / "0.png", half(slice(0, 2), 4))
    write(tmp_path / "other" / "1.png", half(slice(2, 4), 4))
    return tmp_path / "other"
