"""The judge follows the teachers that agree."""

import numpy as np

from drc_train.distillation.judge import judge


def box(left: int) -> np.ndarray:
    mask = np.zeros((1, 16, 16), np.uint8)
    mask[:, 4:12, left : left + 8] = 255
    return mask


def test_two_that_agree_outweigh_a_third_that_does_not() -> None:
    targets, weights = judge([box(0), box(0), box(8)])
    assert (targets[0, 4:12, :8] > 200).all() and (targets[0, 4:12, 8:] < 50).all()
    assert weights.shape == (1,) and abs(float(weights[0]) - 1 / 3) < 1e-6


def test_agreement_is_the_weight_of_a_picture() -> None:
    alike, apart = [np.concatenate([box(2), box(left)]) for left in (2, 8)]
    weights = judge([alike, apart])[1]
    assert weights[0] == 1 and 0 < weights[1] < 0.2


def test_empty_masks_have_no_weight() -> None:
    nothing = np.zeros((1, 16, 16), np.uint8)
    targets, weights = judge([nothing, nothing])
    assert weights[0] == 0 and not targets.any()
