"""Scaling log-odds up along an image's edges."""

import cv2
import numpy as np
import pytest

from drc_runtime.inference.edges import SCALE, follow_edges


def test_where_the_image_has_no_edges_it_is_plain_scaling() -> None:
    flat = np.full((60, 80, 3), 120, np.uint8)
    found = follow_edges(np.full((6, 8), 1.5, np.float32), flat, 8.0)
    assert found.shape == (6 * SCALE, 8 * SCALE) and found.dtype == np.float32
    np.testing.assert_allclose(found, 1.5, atol=1e-4)


def test_certainty_is_cut_before_it_spreads() -> None:
    flat = np.full((60, 80, 3), 120, np.uint8)
    assert follow_edges(np.full((6, 8), 1000.0, np.float32), flat, 8.0).max() == pytest.approx(8, abs=1e-3)


@pytest.mark.parametrize("bright", [True, False])
def test_the_outline_is_nearer_to_the_image_s_than_that_of_plain_scaling(bright: bool) -> None:
    """A disc, brighter or darker than its ground; the network's mask of it is blurred by a pixel of the network's."""
    disc = cv2.circle(np.zeros((256, 256), np.uint8), (120, 130), 70, 255, -1)
    image = cv2.merge([np.where(disc > 0, 200 if bright else 40, 110).astype(np.uint8)] * 3)
    share = (
        cv2.GaussianBlur(cv2.resize(disc, (32, 32), interpolation=cv2.INTER_AREA), (5, 5), 1.5).astype(np.float32) / 255
    )
    log_odds = 6 * (2 * share - 1) + np.random.default_rng(0).normal(0, 1.5, share.shape).astype(np.float32)
    plain = cv2.resize(log_odds, (256, 256), interpolation=cv2.INTER_LINEAR) > 0
    found = cv2.resize(follow_edges(log_odds, image, 8.0), (256, 256), interpolation=cv2.INTER_LINEAR) > 0
    wrong = (found != (disc > 0)).sum()
    assert wrong < 0.6 * (plain != (disc > 0)).sum()
