"""GrabCut, background subtractors, and the best constant mask."""

import numpy as np
import pytest

from drc_runtime.errors import UsageError
from drc_train.evaluation.baselines import baseline, best_constant, grabcut


def half(columns: slice) -> np.ndarray:
    mask = np.zeros((8, 8), np.uint8)
    mask[:, columns] = 255
    return mask


def test_the_best_constant_mask_covers_what_most_objects_cover() -> None:
    truths = [half(slice(0, 4)), half(slice(0, 4)), half(slice(4, 8)), half(slice(0, 0))]
    mask = best_constant(iter(truths))(np.zeros((6, 10, 3), np.uint8))
    assert mask.shape == (6, 10)
    # two of three on the left: IoU 2/3 beats 1/2 for everything
    assert mask[:, :5].all() and not mask[:, 5:].any()


def test_without_any_object_the_constant_mask_is_full() -> None:
    mask = best_constant([np.zeros((4, 4), np.uint8)])(np.zeros((6, 6, 3), np.uint8))
    assert (mask == 255).all()


def test_grabcut_finds_a_disc() -> None:
    down, across = np.mgrid[:64, :64]
    disc = (down - 32) ** 2 + (across - 32) ** 2 < 15**2
    image = np.random.default_rng(0).integers(0, 40, (64, 64, 3), np.uint8)
    image[disc] += 200
    mask = grabcut(image)
    assert set(np.unique(mask)) == {0, 255}
    assert ((mask > 0) & disc).sum() / ((mask > 0) | disc).sum() > 0.95
    assert np.array_equal(mask, grabcut(image))


def test_iem_and_its_cut_find_a_disc_that_the_centred_square_is_not() -> None:
    down, across = np.mgrid[:96, :96]
    disc = (down - 40) ** 2 + (across - 54) ** 2 < 20**2
    image = np.random.default_rng(0).integers(0, 60, (96, 96, 3), np.uint8)
    image[disc] += 150
    for name, least in (("iem", 0.85), ("iem-cut", 0.95)):
        mask = baseline(name)(image) > 0
        assert (mask & disc).sum() / (mask | disc).sum() > least


def test_grabcut_of_one_colour_is_empty() -> None:
    assert not grabcut(np.full((16, 16, 3), 90, np.uint8)).any()


@pytest.mark.parametrize("name", ["mog2", "knn", "online"])
def test_subtractors_find_what_appears(name: str) -> None:
    segment = baseline(name)
    random = np.random.default_rng(0)
    for _ in range(40):
        empty = random.integers(95, 105, (32, 32, 3), np.uint8)
        mask = segment(empty)
    assert (mask > 0).mean() < 0.02
    empty[8:24, 8:24] = 250, 20, 20
    mask = segment(empty)
    assert (mask[8:24, 8:24] == 255).mean() > 0.95 and (mask[:6] > 0).mean() < 0.05


def test_no_such_baseline() -> None:
    with pytest.raises(
        UsageError, match="choose from grabcut, iem, iem-cut, constant, plain, online, mog2, knn, cnt, gsoc, lsbp"
    ):
        baseline("otsu")
