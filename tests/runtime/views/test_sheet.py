"""Samples of the prior side by side."""

import numpy as np

from drc_runtime.inference.prior import PriorSample
from drc_runtime.views.sheet import GAP, prior_sheet


def test_a_column_for_each_sample_and_a_row_for_each_region() -> None:
    red = np.array([1, -1, -1], np.float32)[:, None, None] * np.ones((3, 4, 6), np.float32)
    mask = np.zeros((1, 4, 6), np.float32)
    mask[:, :2] = 1
    first = PriorSample(np.zeros(2, np.float32), 0.0, red, red, -np.ones_like(red), mask)
    second = PriorSample(np.zeros(2, np.float32), None, -red, red, red, 0 * mask)
    sheet = prior_sheet([first, second])
    assert sheet.shape == (4 * 4 + 3 * GAP, 2 * 6 + GAP, 3) and sheet.dtype == np.uint8
    row = 4 + GAP
    assert (sheet[:4, :6] == (255, 0, 0)).all() and (sheet[:4, 6 : 6 + GAP] == 255).all()
    assert (sheet[row : row + 2, :6] == (255, 0, 0)).all() and (sheet[row + 2 : row + 4, :6] == 255).all()
    assert (sheet[2 * row : 2 * row + 4, :6] == 0).all() and (sheet[2 * row : 2 * row + 4, 8:] == (255, 0, 0)).all()
    assert (sheet[3 * row : 3 * row + 2, :6] == 255).all() and (sheet[3 * row + 2 :, :6] == 0).all()
