"""Images to tensors and back."""

import numpy as np
import pytest

from drc_runtime.preprocess import resize, to_image, to_tensor


def test_tensor_is_rgb_planes_from_minus_one_to_one() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    image[..., 0] = 255
    tensor = to_tensor(image, (2, 3))
    assert tensor.shape == (3, 2, 3) and tensor.dtype == np.float32
    assert (tensor[0] == 1).all() and (tensor[1:] == -1).all()


def test_a_tensor_becomes_the_image_that_it_came_from() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    np.testing.assert_array_equal(to_image(to_tensor(image, (40, 56))), image)


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (4, 900), (900, 4)])
def test_shrinking_averages_also_where_the_other_side_grows(size: tuple[int, int]) -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[::2, ::2] = stripes[1::2, 1::2] = 255  # a chessboard: any sampling without averaging sees black or white
    np.testing.assert_allclose(resize(stripes, size), 127.5, atol=1)


def test_growing_interpolates() -> None:
    grown = resize(np.uint8([[[0] * 3, [200] * 3]]), (3, 8))
    assert grown.shape == (3, 8, 3)
    assert (np.diff(grown[0, :, 0].astype(int)) >= 0).all() and len(np.unique(grown)) > 4
