"""The sheet of the best, the median and the worst masks."""

import numpy as np

from drc_train.data.evaluation import Labelled
from drc_train.evaluation.sheet import COLUMNS, TILE, Sheet
from drc_train.figures.tiles import GAP

STEP = TILE + GAP
EMPTY = -1


def add(sheet: Sheet, covered: list[int]) -> list[Labelled]:
    """Images of growing brightness whose masks cover so many rows of an object of 100 rows, in another order than by IoU."""
    data = []
    for index, rows in enumerate(covered):
        truth, mask = np.zeros((2, 100, 50), np.uint8)
        if rows != EMPTY:
            truth[:, :25], mask[:rows, :25] = 255, 255
        data.append(Labelled(f"{index}", np.full((100, 50, 3), 2 * index, np.uint8), truth))
        sheet.add(data[-1], mask)
    return data


def shown(sheet: np.ndarray, columns: int) -> np.ndarray:
    """The tiles ``(rows, columns, TILE, TILE)``, without labels and gaps."""
    grid = sheet[:, sheet.shape[1] - columns * STEP :, 0]
    return grid.reshape(len(grid) // STEP, STEP, columns, STEP).transpose(0, 2, 1, 3)[:, :, :TILE, :TILE]


def test_the_best_the_median_and_the_worst_of_a_set_are_shown() -> None:
    covered = [(37 * index) % 101 for index in range(101)]
    covered.insert(20, EMPTY)  # has no IoU, and is left out
    sheet = Sheet()
    data = add(sheet, covered)
    tiles = shown(sheet.draw(iter(data)), COLUMNS)
    assert tiles.shape == (9, COLUMNS, TILE, TILE)
    of_brightness = {2 * index: rows for index, rows in enumerate(covered)}
    found = [[of_brightness[int(tile[0, 0])] for tile in row] for row in tiles[::3]]
    assert found == [list(range(100, 88, -1)), list(range(56, 44, -1)), list(range(11, -1, -1))]
    for row, group in zip(tiles[2::3], found, strict=True):
        heights = [(tile[:, 10] > 0).sum() * 100 / TILE for tile in row]
        np.testing.assert_allclose(heights, group, atol=1.1)
        assert not row[:, :, TILE // 2 + 1 :].any()
    assert (tiles[1::3, :, :, : TILE // 2 - 1] == 255).all() and not tiles[1::3, :, :, TILE // 2 + 1 :].any()


def test_few_images_are_shown_in_several_groups_and_none_give_no_sheet() -> None:
    sheet = Sheet()
    tiles = shown(sheet.draw(add(sheet, [10, 90, 50])), 3)
    assert [[int(tile[0, 0]) for tile in row] for row in tiles[::3]] == [[2, 4, 0]] * 3
    sheet = Sheet()
    assert sheet.draw(add(sheet, [EMPTY])) is None
