"""The judge believes a mask where its cut agrees with it."""

import numpy as np

from drc_train.distillation.judge import judge


def picture() -> tuple[np.ndarray, np.ndarray]:
    """A bright box on a dark ground, ``(1, 3, 48, 48)``, and its mask."""
    random = np.random.default_rng(0)
    image, mask = random.integers(20, 60, (1, 3, 48, 48), np.uint8), np.zeros((1, 48, 48), bool)
    mask[:, 12:36, 16:40] = True
    image[:, :, mask[0]] += 150
    return image, mask


def test_a_mask_is_cut_along_the_colours() -> None:
    image, mask = picture()
    coarse = np.roll(mask, 3, 2)
    targets, teaches = judge(image, [coarse])
    assert teaches.all() and ((targets > 127) == mask).mean() > 0.98


def test_a_mask_that_its_cut_contradicts_teaches_nothing() -> None:
    image, mask = picture()
    targets, teaches = judge(image, [np.roll(mask, 20, 1) & ~mask])  # ground alone
    assert not teaches.any() and not targets.any()


def test_a_mask_without_two_sides_teaches_nothing() -> None:
    image, mask = picture()
    for one_side in (np.zeros_like(mask), np.ones_like(mask)):
        assert not judge(image, [one_side])[1].any()


def test_the_mean_of_two_teachers_is_soft_where_they_differ() -> None:
    image, mask = picture()
    targets, teaches = judge(image, [mask, np.zeros_like(mask)])
    assert teaches.all() and ((targets > 127) == mask).mean() > 0.98, "one that nobody believes has no part in it"
