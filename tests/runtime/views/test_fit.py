"""Images fitted into frames of another size."""

import numpy as np
import pytest

from drc_runtime.views.fit import fit


def ramp(height: int, width: int, channels: int = 3) -> np.ndarray:
    values = np.arange(height)[:, None, None] + 2 * np.arange(width)[None, :, None] + 3 * np.arange(channels)
    return values.astype(np.uint8)


@pytest.mark.parametrize("channels", [3, 4])
def test_the_same_size_is_not_changed(channels: int) -> None:
    image = ramp(16, 24, channels)
    assert fit(image, (16, 24)) is image


def test_a_missing_row_and_column_repeat_the_last_ones() -> None:
    image = ramp(15, 23)
    fitted = fit(image, (16, 24))
    np.testing.assert_array_equal(fitted[:15, :23], image)
    np.testing.assert_array_equal(fitted[15, :23], image[14])
    np.testing.assert_array_equal(fitted[:15, 23], image[:, 22])


@pytest.mark.parametrize(
    ("size", "inner"), [((32, 64), (48, 96)), ((64, 32), (64, 32)), ((8, 8), (64, 64)), ((1, 500), (1, 96))]
)
def test_another_size_keeps_its_aspect_ratio_between_black_bars(size: tuple[int, int], inner: tuple[int, int]) -> None:
    fitted = fit(np.full((*size, 3), 200, np.uint8), (64, 96))
    top, left = (64 - inner[0]) // 2, (96 - inner[1]) // 2
    expected = np.zeros((64, 96, 3), np.uint8)
    expected[top : top + inner[0], left : left + inner[1]] = 200
    np.testing.assert_array_equal(fitted, expected)
