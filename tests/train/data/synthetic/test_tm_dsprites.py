import cv2
import numpy as np
import pytest

from drc_train.data.synthetic.motion import SPEED
from drc_train.data.synthetic.sprites import BORDER
from drc_train.data.synthetic.tm_dsprites import BANK, draw, draw_clip


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    return draw(60, 128, 7)


def sprites_in(mask: np.ndarray) -> int:
    return cv2.connectedComponents(mask)[0] - 1


def test_a_image_depends_on_seed_and_index_only(drawn):
    images, masks = draw(3, 128, 7)
    assert np.array_equal(images, drawn[0][:3]) and np.array_equal(masks, drawn[1][:3])
    assert not np.array_equal(draw(3, 128, 8)[0], images)
    assert len({image.tobytes() for image in drawn[0]}) == len(drawn[0])


def test_shapes_and_types(drawn):
    images, masks = drawn
    assert (images.shape, images.dtype) == ((60, 128, 128, 3), np.uint8)
    assert (masks.shape, masks.dtype) == ((60, 128, 128), np.uint8)
    assert set(np.unique(masks)) == {0, 255}


def test_two_or_three_sprites_apart_and_inside(drawn):
    counts = [sprites_in(mask) for mask in drawn[1]]
    assert set(counts) == {2, 3}
    rim = int(128 * BORDER) - 1
    inner = np.zeros((128, 128), bool)
    inner[rim:-rim, rim:-rim] = True
    assert not drawn[1][:, ~inner].any()
    shares = (drawn[1] > 0).mean(axis=(1, 2))
    assert 0.07 < shares.min() and shares.max() < 0.24 and 0.1 < shares.mean() < 0.2


def test_mask_is_where_the_saturated_colour_is(drawn):
    for image, mask in zip(*drawn, strict=True):
        spread = image.max(axis=2).astype(int) - image.min(axis=2)
        assert (spread[cv2.erode(mask, np.ones((3, 3))) > 0] == 255).all()
        assert (spread[cv2.dilate(mask, np.ones((3, 3))) == 0] == 0).all()


def test_one_colour_for_each_sprite(drawn):
    image, mask = drawn[0][0], drawn[1][0]
    count, labels = cv2.connectedComponents(cv2.erode(mask, np.ones((3, 3))))
    for label in range(1, count):
        assert len(np.unique(image[labels == label], axis=0)) == 1


@pytest.mark.parametrize("seed", [1, 1000])
def test_every_background_is_one_of_the_twenty_textures_shifted(seed):
    size = 64
    images, masks = draw(12, size, seed)
    down, across = (np.mgrid[:size, :size] + 0.5) / size
    found = set()
    for image, mask in zip(images, masks, strict=True):
        free = cv2.dilate(mask, np.ones((5, 5))) == 0
        grey = image[free][:, 0] / 255
        residuals = []
        for wave_x, wave_y in BANK:
            angle = 2 * np.pi * (wave_x * across + wave_y * down)[free]
            basis = np.stack([np.sin(angle), np.cos(angle), np.ones_like(angle)], 1)
            residuals.append(np.abs(basis @ np.linalg.lstsq(basis, grey, rcond=None)[0] - grey).max())
        assert np.sum(np.array(residuals) < 0.004) == 1
        found.add(int(np.argmin(residuals)))
    assert len(found) > 5


def test_the_same_image_at_another_size(drawn):
    small_images, small_masks = draw(10, 32, 7)
    for image, mask, large_image, large_mask in zip(small_images, small_masks, *drawn, strict=False):
        reduced = cv2.resize(large_image, (32, 32), interpolation=cv2.INTER_AREA)
        assert np.abs(reduced.astype(int) - image).mean() < 8
        reduced_mask = cv2.resize(large_mask, (32, 32), interpolation=cv2.INTER_AREA) >= 128
        overlap = (reduced_mask & (mask > 0)).sum() / (reduced_mask | (mask > 0)).sum()
        assert overlap > 0.97


def test_sprites_of_a_clip_move_smoothly_and_never_meet():
    size = 96
    images, masks = draw_clip(120, size, 3)
    counts = {sprites_in(mask) for mask in masks}
    assert len(counts) == 1 and counts <= {2, 3}
    assert not masks[:, [0, -1], :].any() and not masks[:, :, [0, -1]].any()
    centres = [np.sort(cv2.connectedComponentsWithStats(mask)[3][1:, 0]) for mask in masks]
    steps = np.abs(np.diff(centres, axis=0))
    assert steps.max() < 3 * SPEED[1] * size and steps.mean() > 0.1
    shares = (masks > 0).mean(axis=(1, 2))
    assert shares.max() - shares.min() < 0.01
    background = (masks == 0).all(axis=0)
    assert (images[0][background] != images[10][background]).any(), "the texture does not drift"
