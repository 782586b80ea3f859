"""Inpainting error maximisation: its gradient, and images in which it finds nothing to climb."""

import numpy as np

from drc_train.evaluation.iem import iem, inpainting_error


def test_the_gradient_is_that_of_the_error() -> None:
    random = np.random.default_rng(0)
    pixels = random.uniform(-1, 1, (16, 16, 3)).astype(np.float32)
    region = random.uniform(0.2, 0.8, (16, 16)).astype(np.float32)
    direction = random.uniform(-1, 1, (16, 16)).astype(np.float32)
    _, gradient = inpainting_error(pixels, region)
    step = 1e-2
    ahead, behind = (inpainting_error(pixels, region + side * step * direction)[0] for side in (1, -1))
    assert np.isclose((ahead - behind) / (2 * step), (gradient * direction).sum(), rtol=0.02)


def test_one_colour_has_a_mask_of_the_image_s_size() -> None:
    mask = iem(np.full((20, 30, 3), 90, np.uint8))
    assert mask.shape == (20, 30) and mask.dtype == np.uint8
    assert set(np.unique(mask)) <= {0, 255}
