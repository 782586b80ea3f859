"""What is recorded to learn from: frames that differ, whole files, and earlier recordings count."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import OutputError
from drc_runtime.pipeline.recording import LONGEST_SIDE, Recording


def scene(column: int | None, noise: int = 0) -> np.ndarray:
    """A grey room (96, 128), a white box at ``column``, and a sensor's noise."""
    image = np.full((96, 128, 3), 90, np.uint8)
    if column is not None:
        image[30:70, column : column + 20] = 250
    random = np.random.default_rng(noise)
    return np.clip(image + random.normal(0, 8, image.shape), 0, 255).astype(np.uint8)


def test_a_still_scene_fills_nothing_and_what_moves_is_kept(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "frames")
    assert sum(recording.offer(scene(None, seed)) for seed in range(50)) == 1
    assert all(recording.offer(scene(column)) for column in (0, 24, 48, 72, 96))
    assert not any(recording.offer(scene(column, 1)) for column in (96, 0, 48)), "seen before, though not just before"
    assert len(recording) == 6


def test_names_are_in_order_and_an_earlier_recording_is_gone_on_with(tmp_path: Path) -> None:
    first = Recording(tmp_path / "frames")
    for column in (0, 40, 80):
        first.offer(scene(column))
    second = Recording(tmp_path / "frames")
    assert len(second) == 3 and not second.offer(scene(40, 1)) and second.offer(scene(None))
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == [f"{index:05d}.jpg" for index in range(4)]


def test_large_frames_are_kept_small_and_small_ones_as_they_are(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.offer(np.zeros((720, 1280, 3), np.uint8))
    recording.offer(np.full((48, 64, 3), 255, np.uint8))
    assert [cv2.imread(str(tmp_path / f"0000{index}.jpg")).shape for index in (0, 1)] == [
        (180, LONGEST_SIDE, 3),
        (48, 64, 3),
    ]


def test_more_frames_than_there_was_room_for(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    for index in range(200):
        image = np.zeros((32, 32, 3), np.uint8)
        image.reshape(-1, 3)[4 * index : 4 * index + 8] = 255
        assert recording.offer(image)
    assert len(recording) == 200


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="--keep"):
        Recording(tmp_path / "file" / "frames")
