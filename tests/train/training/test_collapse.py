"""Collapsed masks are noticed, healthy ones are not."""

import pytest
import torch

from drc_train.training.collapse import collapse


@pytest.mark.parametrize(
    ("share", "message"), [(0.001, "the background explains everything"), (0.999, "the foreground explains everything")]
)
def test_one_region_null(share: float, message: str) -> None:
    assert message in (collapse(torch.full((4, 1, 8, 8), share)) or "")


def test_the_same_mask_for_every_image() -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    assert "same mask" in (collapse(mask.expand(4, -1, -1, -1)) or "")


def test_healthy_masks() -> None:
    masks = torch.zeros(4, 1, 8, 8)
    for index in range(4):
        masks[index, :, index : index + 3, index : index + 3] = 1
    assert collapse(masks) is None
