"""Tiles and their assembly."""

import numpy as np
import pytest

from drc_train.figures.tiles import GAP, SLOT_COLOURS, assemble, extraction_labels, extraction_tiles, grey


def test_tiles_follow_fig_3() -> None:
    """A white foreground on a black background, found in the upper half and true in the left one."""
    white, black = np.ones((3, 4, 4), np.float32), -np.ones((3, 4, 4), np.float32)
    pi, truth = np.zeros((1, 4, 4), np.float32), np.zeros((1, 4, 4), np.float32)
    pi[:, :2] = truth[:, :, :2] = 1
    slots = np.stack([1 - pi[0], pi[0] / 4, pi[0] * 3 / 4])
    observed, generated, masked, background, true, mask, slot = extraction_tiles(
        0 * white, pi, white, black, pi, truth, slots
    )
    assert (observed == 128).all() and (masked == 255).all() and (background == 0).all()
    assert (generated[:2] == 255).all() and (generated[2:] == 0).all()
    assert (true[:, :2] == 255).all() and (true[:, 2:] == 0).all()
    np.testing.assert_array_equal(mask, generated)
    expected = np.rint(np.array(SLOT_COLOURS[0]) / 4 + np.array(SLOT_COLOURS[1]) * 3 / 4)
    assert (slot[:2] == expected).all() and (slot[2:] == 0).all()
    grid = assemble([[observed, true], [mask, slot]])
    assert grid.shape == (2 * (4 + GAP), 2 * (4 + GAP), 3)
    np.testing.assert_array_equal(grid[4 + GAP : 8 + GAP, :4], true)


def test_labels_stand_on_the_left_of_their_rows() -> None:
    tiles = [np.zeros((20, 20, 3), np.uint8)] * 2
    plain, labelled = assemble([tiles, tiles]), assemble([tiles, tiles], ["observed", ""])
    margin = labelled[:, : labelled.shape[1] - plain.shape[1]]
    np.testing.assert_array_equal(labelled[:, margin.shape[1] :], plain)
    written = (margin < 128).any(axis=(1, 2))
    assert written[: 20 + GAP].any() and not written[20 + GAP :].any(), "only the first row has a text"


@pytest.mark.parametrize(("truth", "slots"), [(False, False), (True, False), (True, True)])
def test_there_is_a_label_for_each_tile(truth: bool, slots: bool) -> None:
    image, plane = np.zeros((3, 4, 4), np.float32), np.zeros((1, 4, 4), np.float32)
    tiles = extraction_tiles(
        image, plane, image, image, plane, plane if truth else None, np.zeros((2, 4, 4), np.float32) if slots else None
    )
    assert len(extraction_labels(truth=truth, slots=slots)) == len(tiles)


def test_what_is_not_given_has_no_tile() -> None:
    image, plane = np.zeros((3, 4, 4), np.float32), np.zeros((1, 4, 4), np.float32)
    assert len(extraction_tiles(image, plane, image, image, plane, None, None)) == 5
    assert len(extraction_tiles(image, plane, image, image, plane, plane, None)) == 6


def test_more_slots_than_colours_repeat_them() -> None:
    image, plane = np.zeros((3, 1, 1), np.float32), np.zeros((1, 1, 1), np.float32)
    slots = np.zeros((2 + len(SLOT_COLOURS), 1, 1), np.float32)
    slots[-1] = 1
    assert extraction_tiles(image, plane, image, image, plane, None, slots)[-1][0, 0].tolist() == list(SLOT_COLOURS[0])


@pytest.mark.parametrize(("value", "level"), [(0, 0), (0.5, 128), (1, 255)])
def test_planes_become_grey(value: float, level: int) -> None:
    assert (grey(np.full((1, 2, 3), value, np.float32)) == np.full((2, 3, 3), level)).all()
