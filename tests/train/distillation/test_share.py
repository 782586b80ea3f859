"""A student's masks are as large as it is told."""

import numpy as np
import pytest
import torch

from drc_train.distillation.share import log_odds, set_share
from drc_train.model.student import SIZE, Student


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_so_much_of_the_pictures_is_foreground_on_average(share: float) -> None:
    torch.manual_seed(0)
    network = Student(normalised=True)
    images = np.random.default_rng(0).integers(0, 256, (20, 3, SIZE, SIZE), np.uint8)
    images[:10] //= 4
    set_share(network, images, share)
    found = log_odds(network, images) > 0
    assert found.mean() == pytest.approx(share, abs=1e-3)
    assert found.mean((1, 2)).std() > 0, "of all together, not of each"
