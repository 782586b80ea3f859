"""Boxes around the things of a mask."""

import numpy as np
import pytest

from drc_runtime.errors import UsageError
from drc_runtime.pipeline.options import OutputOptions
from drc_runtime.views.boxes import MOST, Box, draw_boxes, find_boxes
from drc_runtime.views.controls import Controls, Settings
from drc_runtime.views.views import Views, view_names


def mask(*things: tuple[int, int, int, int], size: tuple[int, int] = (120, 160)) -> np.ndarray:
    found = np.zeros(size, np.uint8)
    for x, y, width, height in things:
        found[y : y + height, x : x + width] = 255
    return found


def test_each_thing_has_its_box_the_largest_first() -> None:
    assert find_boxes(mask((10, 20, 30, 40), (100, 5, 50, 60))) == [
        Box(100, 5, 50, 60, pytest.approx(3000 / 19200)),
        Box(10, 20, 30, 40, pytest.approx(1200 / 19200)),
    ]


def test_specks_and_weak_pixels_are_left_out_and_the_number_is_bounded() -> None:
    weak = mask((10, 20, 30, 40)) // 2
    assert find_boxes(weak) == [] == find_boxes(mask((50, 50, 3, 3)))
    many = mask(*((x, y, 8, 8) for x in range(0, 150, 10) for y in range(0, 110, 10)))
    assert len(find_boxes(many)) == MOST


def test_a_large_mask_gives_boxes_in_its_own_pixels() -> None:
    (box,) = find_boxes(mask((300, 200, 600, 400), size=(1080, 1920)))
    assert np.abs(np.array(box[:4]) - (300, 200, 600, 400)).max() <= 8
    assert box.share == pytest.approx(600 * 400 / (1080 * 1920), rel=0.03)


def test_a_box_is_drawn_inside_the_image() -> None:
    image = draw_boxes(np.zeros((120, 160, 3), np.uint8), mask((0, 0, 160, 120)))
    assert image[0].any(1).all() and image[-1].any(1).all() and not image[60, 80].any()


@pytest.mark.parametrize("view", ["overlay", "side-by-side"])
def test_the_overlay_has_them_when_asked_for(view: str) -> None:
    class Frame:
        image, seconds = np.full((120, 160, 3), 90, np.uint8), 0.0

    class Extraction:
        probability = mask((40, 30, 60, 50))

    drawn = []
    for boxes in (False, True):
        with Views(view, Controls(Settings(threshold=0.5), view_names(view)), boxes=boxes) as views:
            drawn.append(views.started(Frame(), Extraction()).copy())  # type: ignore[arg-type]
    changed = (drawn[0] != drawn[1]).any(2)
    assert changed.any() and not changed[:, :40].any() and (view == "overlay" or not changed[:, :160].any())


def test_boxes_without_an_overlay_are_refused() -> None:
    with pytest.raises(UsageError, match="--boxes"):
        OutputOptions(boxes=True, background="green")
