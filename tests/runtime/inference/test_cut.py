"""A mask cut anew by the colours of its own image."""

import numpy as np

from drc_runtime.inference.cut import agreement, cut, refine


def scene() -> tuple[np.ndarray, np.ndarray]:
    """An image with a bright disc, larger than the cut works at, and the disc."""
    down, across = np.mgrid[:200, :300]
    disc = (down - 90) ** 2 + (across - 160) ** 2 < 50**2
    image = np.random.default_rng(0).integers(0, 60, (200, 300, 3), np.uint8)
    image[disc] += 150
    return image, disc


def test_a_rough_mask_is_moved_to_the_object_s_outline() -> None:
    image, disc = scene()
    rough = np.zeros((200, 300), np.uint8)
    rough[60:150, 120:230] = 200
    found = refine(image, rough).probability
    assert found.shape == (200, 300) and found.dtype == np.uint8
    assert agreement(rough > 127, disc) < 0.7 < 0.95 < agreement(found > 127, disc)


def test_a_thing_of_the_same_colour_far_away_stays_background() -> None:
    down, across = np.mgrid[:120, :120]
    near, far = ((down - 60) ** 2 + (across - centre) ** 2 < 20**2 for centre in (35, 90))
    image = np.random.default_rng(0).integers(0, 60, (120, 120, 3), np.uint8)
    image[near | far] += 150
    seed = near & (across > 25)
    assert agreement(cut(image, seed)[0], near) > 0.95 and not cut(image, seed)[0][:, 75:].any()


def test_pixels_of_noise_do_not_become_colours_of_the_object() -> None:
    down, across = np.mgrid[:128, :128]
    disc = (down - 64) ** 2 + (across - 64) ** 2 < 35**2
    image = np.random.default_rng(0).integers(60, 120, (128, 128, 3), np.uint8)
    image[disc] += 40
    noise = np.random.default_rng(1).random(disc.shape)
    image[noise < 0.05], image[noise > 0.95] = 0, 255
    assert agreement(cut(image, (abs(down - 64) < 30) & (abs(across - 70) < 30))[0], disc) > 0.9


def test_the_mask_is_kept_where_the_cut_is_elsewhere() -> None:
    image, disc = scene()
    rough = np.zeros((200, 300), np.uint8)
    rough[60:150, 120:230] = 200
    kept, taken = refine(image, rough, gate=1.0), refine(image, rough)
    assert kept.probability is rough
    assert np.array_equal(kept.disagreement, abs(rough.astype(int) - taken.probability)) and kept.disagreement.any()
    assert np.array_equal(kept.disagreement, taken.disagreement)


def test_without_two_sides_the_mask_is_kept() -> None:
    image, _ = scene()
    for level in (0, 100, 200):
        one_side = np.full((200, 300), level, np.uint8)
        found = refine(image, one_side)
        assert found.probability is one_side and found.agreement == 0 and (found.disagreement == 255).all()
    nothing, agreed = cut(image, np.zeros((200, 300), bool))
    assert not nothing.any() and agreed == 0


def test_agreement_of_two_empty_masks() -> None:
    empty = np.zeros((2, 2), bool)
    assert agreement(empty, empty) == 1 and agreement(empty, ~empty) == 0
