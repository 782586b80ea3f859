"""Curves as SVG: axes with round numbers, the line where the values are."""

import re
from xml.etree import ElementTree

import pytest

from drc_train.figures.curves import HEIGHT, WIDTH, curve


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("text")]


def line(svg: str) -> list[tuple[float, float]]:
    found = re.search(r'points="([^"]+)"', svg)
    assert found
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in found[1].split())]


def test_axes_have_round_numbers_and_a_name() -> None:
    labels = texts(curve("log_posterior", [(0, -7613.0), (100, -512.5), (200, -97.0)]))
    assert labels == ["-8000", "-6000", "-4000", "-2000", "0", "0", "50", "100", "150", "200", "iteration"]


def test_the_line_follows_the_values() -> None:
    points = line(curve("share", [(10, 0.0), (20, 1.0), (30, 0.5)]))
    (left, bottom), (middle, top), (right, half) = points
    assert left < middle < right < WIDTH and middle - left == pytest.approx(right - middle, abs=0.2)
    assert top < half < bottom < HEIGHT and half == pytest.approx((top + bottom) / 2, abs=0.2)


@pytest.mark.parametrize("values", [[0.0, 0.0], [3.5, 3.5], [-1e9, -1e9], [1e-30, 2e-30], [7.0]])
def test_a_flat_curve_has_an_axis_around_it(values: list[float]) -> None:
    svg = curve("energy", list(enumerate(values, start=1)))
    rows = [float(text) for text in texts(svg)[:-1]]
    assert min(rows) <= values[0] <= max(rows) and all(0 < y < HEIGHT for _, y in line(svg))


def test_values_that_are_not_finite_are_left_out() -> None:
    assert len(line(curve("energy", [(1, 1.0), (2, float("nan")), (3, float("inf")), (4, 2.0)]))) == 2
    assert curve("energy", [(1, float("nan"))]) == ""


def test_a_name_cannot_break_the_page() -> None:
    assert "<b>" not in curve('<b>"', [(1, 1.0)])
