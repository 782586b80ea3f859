"""Bounding boxes and squares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drc_runtime.errors import SourceError
from drc_train.data.downloads.boxes import Box, Square, parse_box, square_around


@pytest.mark.parametrize(
    ("box", "margin", "square"),
    [
        (Box(50, 20, 80, 40), 0.0, Square(top=15, left=50, side=30)),
        (Box(50, 20, 80, 40), 0.5, Square(top=8, left=42, side=45)),
        (Box(80, 20, 100, 30), 0.0, Square(top=15, left=80, side=20)),
        (Box(90, 50, 130, 70), 0.0, Square(top=50, left=90, side=10)),  # clipped to the image first
        (Box(0, 0, 100, 60), 0.0, Square(top=0, left=20, side=60)),  # no larger than the shorter side
    ],
)
def test_squares_by_hand(box: Box, margin: float, square: Square) -> None:
    assert square_around(box, 60, 100, margin) == square


def test_a_square_is_cut_out_of_rows_and_columns() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert Square(top=1, left=2, side=2).cut(image).tolist() == [[8, 9], [14, 15]]


def test_a_box_outside_of_the_image() -> None:
    with pytest.raises(SourceError, match="lies outside of its 100x60 pixels"):
        square_around(Box(200, 0, 210, 9), 60, 100)


@pytest.mark.parametrize("values", [("a", 1, 5, 5), (1, 1, 5, "nan"), (None, 1, 5, 5), (1, 1, float("inf"), 5)])
def test_what_is_no_box(values: tuple[object, ...]) -> None:
    with pytest.raises(SourceError, match="list.txt, line 3: a bounding box is four"):
        parse_box(values, "list.txt, line 3")


def test_numbers_in_text_are_a_box() -> None:
    assert parse_box(("1", "2.5", "3", "4"), "x") == Box(1, 2.5, 3, 4)


_NUMBERS = st.floats(-200, 200)


@given(st.tuples(_NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS), st.integers(1, 90), st.integers(1, 90), st.floats(0, 2))
def test_a_square_lies_within_its_image(corners, height: int, width: int, margin: float) -> None:
    try:
        square = square_around(Box(*corners), height, width, margin)
    except SourceError:
        return
    assert square.side >= 1 and square.top >= 0 and square.left >= 0
    assert square.top + square.side <= height and square.left + square.side <= width
