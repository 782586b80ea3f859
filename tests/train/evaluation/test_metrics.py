"""IoU, Dice and F1 against hand-counted masks."""

import numpy as np
import pytest

from drc_train.evaluation.metrics import (
    Score,
    adjusted_rand_index,
    all_but_the_background,
    all_slots,
    best_permutation,
    instances,
    iou,
)


def _mask(*columns: int) -> np.ndarray:
    mask = np.zeros((4, 4), np.uint8)
    mask[:, list(columns)] = 255
    return mask


def test_counted_by_hand() -> None:
    score = Score()
    score.add(_mask(0, 1), _mask(1, 2))  # 4 of 12 pixels
    score.add(_mask(3), _mask(3))
    figures = score.summary()
    assert figures["iou"] == pytest.approx((4 / 12 + 1) / 2)
    assert figures["dice"] == pytest.approx((8 / 16 + 1) / 2)
    assert figures["f1"] == pytest.approx(2 * 8 / (12 + 12))


def test_an_empty_frame_counts_in_f1_alone() -> None:
    score = Score()
    score.add(_mask(0), _mask(0))
    score.add(_mask(0, 1), _mask())
    figures = score.summary()
    assert (figures["iou"], figures["images"], figures["with_foreground"]) == (1.0, 2, 1)
    assert figures["f1"] == pytest.approx(2 * 4 / (12 + 4))


def test_nothing_at_all() -> None:
    assert Score().summary()["iou"] == 0.0


def test_best_permutation_takes_the_side_that_fits() -> None:
    assert np.array_equal(best_permutation(_mask(0, 1, 2), _mask(3)), _mask(3))
    assert np.array_equal(best_permutation(_mask(3), _mask(3)), _mask(3))


def test_the_two_ways_from_slots_to_a_foreground() -> None:
    truth = _mask(0, 1)
    background_in_one = [_mask(0), _mask(1), _mask(2, 3)]
    assert np.array_equal(all_but_the_background(background_in_one, truth), truth)
    assert all_slots(background_in_one).all()
    background_in_none = [_mask(0), _mask(1)]
    assert np.array_equal(all_slots(background_in_none), truth)
    assert iou(all_but_the_background(background_in_none, truth), truth) == pytest.approx(1 / 4)


@pytest.mark.parametrize(
    ("labels", "truth", "index"),
    [
        ([0, 0, 1, 1], [1, 1, 0, 0], 1.0),
        ([0, 0, 1, 2], [0, 0, 1, 1], 4 / 7),
        ([0, 0, 0, 0], [0, 1, 2, 3], 0.0),
        ([0, 0, 1, 1], [0, 1, 0, 1], -0.5),
        ([0, 0, 0], [5, 5, 5], 1.0),
        # Hubert and Arabie's formula by hand: table [[2, 1, 0], [0, 2, 1]]: (2 - 6 * 4 / 15) / (5 - 6 * 4 / 15)
        ([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 2], (2 - 24 / 15) / (5 - 24 / 15)),
    ],
)
def test_adjusted_rand_index(labels: list[int], truth: list[int], index: float) -> None:
    assert adjusted_rand_index(np.array(labels), np.array(truth)) == pytest.approx(index)


def test_foreground_ari_leaves_the_background_out() -> None:
    truth = instances(_mask(0, 2))
    assert sorted(np.unique(truth)) == [0, 1, 2]
    found = truth.copy()
    found[:, 1] = 7
    found[:2, 3] = 9
    assert adjusted_rand_index(found, truth, foreground=True) == 1.0
    assert adjusted_rand_index(found, truth) < 1.0
    one_blob = np.ones_like(truth)
    assert adjusted_rand_index(one_blob, truth, foreground=True) == 0.0


def pairs(counts: np.ndarray) -> float:
    many = counts.astype(np.float64)
    return float((many * (many - 1) / 2).sum())


@pytest.mark.parametrize("size", [3, 100, 128 * 128, 320 * 240, 1024 * 1024])
def test_the_index_is_hubert_and_arabie_s_formula_at_any_size(size: int) -> None:
    """(index - expected) / (maximum - expected) over pairs of pixels; 32 or 64 bits do not hold the products of large images."""
    random = np.random.default_rng(size)
    truth = random.integers(0, 4, size)
    labels = np.where(random.random(size) < 0.3, truth, random.integers(0, 5, size))
    index = pairs(np.bincount(5 * truth + labels))
    rows, columns = pairs(np.bincount(truth)), pairs(np.bincount(labels))
    expected, maximum = rows * columns / (size * (size - 1) / 2), (rows + columns) / 2
    assert adjusted_rand_index(labels, truth) == pytest.approx((index - expected) / (maximum - expected), abs=1e-12)


def test_two_noise_partitions_agree_by_chance_only() -> None:
    random = np.random.default_rng(0)
    assert abs(adjusted_rand_index(random.integers(0, 4, 10_000), random.integers(0, 4, 10_000))) < 0.01


def test_void_pixels_change_no_figure() -> None:
    truth, mask, void = np.zeros((6, 6), np.uint8), np.zeros((6, 6), np.uint8), np.zeros((6, 6), bool)
    truth[:2], mask[:3], void[2] = 255, 255, True
    score = Score()
    score.add(mask, truth, void)
    figures = score.summary()
    assert (figures["iou"], figures["dice"], figures["f1"], figures["void"]) == (1, 1, 1, pytest.approx(1 / 6))
    assert iou(mask, truth) == pytest.approx(2 / 3) and iou(mask, truth, void) == 1
    assert "void" not in Score().summary()
    truth, mask, void = np.zeros((6, 6), np.uint8), np.zeros((6, 6), np.uint8), np.zeros((6, 6), bool)
    truth[0], mask[1:], void[2:] = 255, 255, True
    assert np.array_equal(best_permutation(mask, truth, void) > 127, mask == 0)
