"""IoU, Dice and F1 against hand-counted masks."""

import numpy as np
import pytest

from drc_train.metrics import Score


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
    assert (figures["iou"], figures["pictures"], figures["with_foreground"]) == (1.0, 2, 1)
    assert figures["f1"] == pytest.approx(2 * 4 / (12 + 4))


def test_nothing_at_all() -> None:
    assert Score().summary()["iou"] == 0.0
