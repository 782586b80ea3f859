"""What a model of a fixed camera learns from."""

import numpy as np

from drc_train.data.observations import SCALE_STEPS, observe, observe_frames
from drc_train.data.synthetic.fixed_cameras import draw_fixed_cameras


def test_an_observation_holds_image_background_and_scale() -> None:
    image = np.full((4, 4, 3), 7, np.uint8)
    seen = observe(image, np.full((4, 4, 3), 300.0, np.float32), np.full((4, 4), 2.5, np.float32))
    assert seen.shape == (4, 4, 7) and seen.dtype == np.uint8
    assert (seen[..., :3] == 7).all() and (seen[..., 3:6] == 255).all() and (seen[..., 6] == 2.5 * SCALE_STEPS).all()


def test_a_clip_s_background_is_that_of_the_second_pass() -> None:
    random = np.random.default_rng(0)
    empty = random.integers(50, 200, (64, 64, 3), np.uint8)
    frames = [empty.copy() for _ in range(40)]
    for number, frame in enumerate(frames):
        frame[20:40, number : number + 10] = 255
    seen = list(observe_frames(frames))
    assert len(seen) == len(frames)
    assert np.abs(seen[20][..., 3:6].astype(int) - empty).mean() < 3


def test_drawn_observations_depend_on_seed_and_index_only() -> None:
    first = list(draw_fixed_cameras(3, 32, 5))
    longer = list(draw_fixed_cameras(10, 32, 5))
    for (a, mask), (b, same) in zip(first, longer, strict=False):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(mask, same)
    assert len(longer) == 10 and not np.array_equal(longer[0][0], longer[9][0])
