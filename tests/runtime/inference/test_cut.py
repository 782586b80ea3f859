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
    found = refine(image, rough)
    assert found.shape == (200, 300) and found.dtype == np.uint8
    assert agreement(rough > 127, disc) < 0.7 < 0.95 < agreement(found > 127, disc)


def test_the_mask_is_kept_where_the_cut_is_elsewhere() -> None:
    image, disc = scene()
    rough = np.zeros((200, 300), np.uint8)
    rough[60:150, 120:230] = 200
    assert refine(image, rough, gate=1.0) is rough


def test_without_two_sides_the_mask_is_kept() -> None:
    image, _ = scene()
    for level in (0, 255):
        assert (refine(image, np.full((200, 300), level, np.uint8)) == level).all()
    assert not cut(image, np.zeros((200, 300), bool)).any()


def test_agreement_of_two_empty_masks() -> None:
    empty = np.zeros((2, 2), bool)
    assert agreement(empty, empty) == 1 and agreement(empty, ~empty) == 0
