import cv2
import numpy as np
import pytest

from drc_train.data.synthetic.cutouts import cutouts, table
from drc_train.data.synthetic.scene import LIGHT, NOISE, draw_scene

HEIGHT, WIDTH = 240, 320


@pytest.fixture(scope="module")
def recording() -> tuple[np.ndarray, np.ndarray]:
    """A minute, one frame a second."""
    images, masks = zip(*draw_scene(1500, HEIGHT, WIDTH, 5, every=25), strict=True)
    return np.array(images), np.array(masks)


def around(mask: np.ndarray, reach: int) -> np.ndarray:
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))) > 0


def lit(image: np.ndarray) -> np.ndarray:
    """How bright each pixel is against the empty table, noise smoothed away."""
    return cv2.GaussianBlur(image.mean(axis=2) / table(HEIGHT, WIDTH).mean(axis=2), (0, 0), 2)


def test_a_frame_depends_on_seed_and_index_only():
    first = list(draw_scene(61, HEIGHT, WIDTH, 5, every=30))
    again = list(draw_scene(31, HEIGHT, WIDTH, 5))
    for one, other in zip(first[1], again[30], strict=True):
        assert np.array_equal(one, other)
    other_recording = list(draw_scene(61, HEIGHT, WIDTH, 6, every=60))[1]
    assert not np.array_equal(other_recording[1], first[2][1])


def test_shapes_types_and_other_sizes():
    image, mask = next(iter(draw_scene(1, 48, 64, 1)))
    assert (image.shape, image.dtype, mask.shape, mask.dtype) == ((48, 64, 3), np.uint8, (48, 64), np.uint8)


def test_some_frames_are_empty_and_none_is_crowded(recording):
    shares = (recording[1] > 0).mean(axis=(1, 2))
    assert 0.03 < (shares == 0).mean() < 0.25
    assert 0.04 < shares.mean() < 0.2 and shares.max() < 0.5
    assert set(np.unique(recording[1])) == {0, 255}


def test_objects_are_large_enough():
    assert all(0.4 <= cutout.span <= 0.75 for cutout in cutouts())


def test_outside_the_objects_there_is_only_the_table_and_its_light(recording):
    for image, mask in zip(*recording, strict=True):
        free = ~around(mask, 24)
        brightness = lit(image)[free]
        assert abs(brightness - np.median(brightness)).max() < 0.08
        assert 1 - LIGHT - 0.02 < np.median(brightness) < 1 + LIGHT + 0.02


def test_the_mask_covers_what_is_not_the_table(recording):
    """Far more of the image differs from the table inside the mask than right outside it."""
    inside, outside = [], []
    for image, mask in zip(*recording, strict=True):
        if (mask > 0).mean() < 0.03:
            continue
        light = np.median(lit(image)[~around(mask, 24)])
        differs = np.abs(image - light * table(HEIGHT, WIDTH)).max(axis=2) > 30
        inside.append(differs[mask > 0].mean())
        ring = around(mask, 4) & ~around(mask, 2)
        outside.append(differs[ring].mean())
    assert np.mean(inside) > 0.75 and np.mean(outside) < 0.5 * np.mean(inside)


def test_shadows_fall_to_the_lower_right_and_are_not_foreground(recording):
    darker, opposite = [], []
    for image, mask in zip(*recording, strict=True):
        if not mask.any():
            continue
        brightness = lit(image) / np.median(lit(image)[~around(mask, 24)])
        clear = ~around(mask, 2)
        for shift, found in ((5, darker), (-5, opposite)):
            moved = cv2.warpAffine(mask, np.array([[1, 0, shift], [0, 1, shift]], np.float32), (WIDTH, HEIGHT)) > 0
            found.extend(brightness[moved & clear])
    assert np.mean(darker) < 0.93 and np.mean(opposite) > 0.95


def test_camera_noise():
    frames = [image for image, mask in draw_scene(6, HEIGHT, WIDTH, 5) if not mask.any()]
    difference = frames[1].astype(float) - frames[0]
    assert abs(difference.std() / np.sqrt(2) - NOISE) < 0.3


def test_the_light_changes(recording):
    light = [np.median(lit(image)[~around(mask, 24)]) for image, mask in zip(*recording, strict=True)]
    assert max(light) - min(light) > 0.08
