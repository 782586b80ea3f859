"""Mask files."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import SourceError
from drc_train.data.masks import binary, read_mask


def test_levels_from_128_on_are_foreground(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    cv2.imwrite(str(tmp_path / "a.png"), levels)
    expected = np.repeat(np.array([0, 255], np.uint8), 128).reshape(16, 16)
    mask = read_mask(tmp_path / "a.png")
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(binary(levels), expected)


def test_colours_are_read_as_grey(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((2, 3, 3), 255, np.uint8))
    assert read_mask(tmp_path / "a.png").tolist() == [[255] * 3] * 2


@pytest.mark.parametrize("data", [b"", b"text"])
def test_what_is_no_mask(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(SourceError, match="a.png is not a mask that can be read"):
        read_mask(tmp_path / "a.png")


def test_a_missing_mask(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot read .*a.png: No such file"):
        read_mask(tmp_path / "a.png")
