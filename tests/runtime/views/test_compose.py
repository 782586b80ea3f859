"""Overlays, cut-outs and backgrounds."""

from pathlib import Path

import numpy as np
import pytest

from drc_runtime.errors import SourceError, UsageError
from drc_runtime.views.compose import LINE_COLOUR, cutout, overlay, parse_background, replace_background, side_by_side


@pytest.fixture
def probability() -> np.ndarray:
    """Certain on the rectangle of the fixture ``image``."""
    mask = np.zeros((32, 48), np.uint8)
    mask[8:24, 10:30] = 255
    return mask


def test_overlay_keeps_the_foreground_and_takes_light_and_colour_from_the_rest(image, probability) -> None:
    before = image.copy()
    shown = overlay(image, probability)
    assert shown.shape == image.shape and shown.dtype == np.uint8
    np.testing.assert_array_equal(shown[11:21, 13:27], image[11:21, 13:27])
    rest = shown[28:]
    assert (rest == rest[..., :1]).all() and rest.max() < 60
    np.testing.assert_array_equal(image, before)


def test_overlay_draws_a_thin_line_along_the_edge_only(image, probability) -> None:
    shown = overlay(image, probability)
    line = (shown == LINE_COLOUR).all(axis=-1)
    edge = probability > 0
    edge[9:23, 11:29] = False
    np.testing.assert_array_equal(line, edge)


def test_overlay_of_a_noisy_mask_draws_each_foreground_pixel_next_to_background() -> None:
    noise = np.random.default_rng(0)
    image = noise.integers(0, 200, (90, 160, 3), np.uint8)
    mask = np.where(noise.random((90, 160)) < 0.7, 255, 0).astype(np.uint8)
    padded = np.pad(mask, 1, constant_values=255)
    inner = np.min([padded[y : y + 90, x : x + 160] for y in range(3) for x in range(3)], axis=0)
    np.testing.assert_array_equal((overlay(image, mask) == LINE_COLOUR).all(axis=-1), mask != inner)


def test_overlay_mixes_by_probability() -> None:
    image = np.full((4, 4, 3), 200, np.uint8)
    shown = overlay(image, np.full((4, 4), 100, np.uint8))  # below one half: no line
    np.testing.assert_allclose(shown, 200 * (100 + 155 * 0.35) / 255, atol=2)


def test_overlay_of_nothing_and_of_everything(image) -> None:
    nothing = overlay(image, np.zeros((32, 48), np.uint8))
    assert (nothing == nothing[..., :1]).all()
    everything = overlay(image, np.full((32, 48), 255, np.uint8))
    np.testing.assert_array_equal(everything[3:-3, 3:-3], image[3:-3, 3:-3])


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 2)])
@pytest.mark.parametrize("spec", ["overlay", "mask", "side-by-side", "blur", "green", "IMAGE"])
def test_every_background_takes_images_of_any_size(tmp_path: Path, image, save, spec: str, size) -> None:
    spec = str(save(tmp_path / "b.png", image)) if spec == "IMAGE" else spec
    shown = parse_background(spec)(np.full((*size, 3), 90, np.uint8), np.full(size, 77, np.uint8))
    assert shown.shape == ((size[0], 2 * size[1], 3) if spec == "side-by-side" else (*size, 3))


def test_side_by_side_is_the_image_and_its_overlay(image, probability) -> None:
    both = side_by_side(image, probability)
    np.testing.assert_array_equal(both[:, :48], image)
    np.testing.assert_array_equal(both[:, 48:], overlay(image, probability))


def test_cutout_keeps_colours_and_takes_the_probability_as_alpha(image, probability) -> None:
    rgba = cutout(image, probability)
    np.testing.assert_array_equal(rgba[..., :3], image)
    np.testing.assert_array_equal(rgba[..., 3], probability)


@pytest.mark.parametrize(
    ("spec", "colour"), [("#0aFF10", (10, 255, 16)), ("white", (255, 255, 255)), ("green", (0, 177, 64))]
)
def test_a_colour_replaces_the_background(image, probability, spec: str, colour) -> None:
    shown = parse_background(spec)(image, probability)
    assert (shown[probability == 0] == colour).all()
    np.testing.assert_array_equal(shown[probability > 0], image[probability > 0])


def test_an_image_fills_the_background_in_its_proportions(tmp_path: Path, image, probability, save) -> None:
    background = np.zeros((60, 60, 3), np.uint8)  # for 48 x 32: scaled to 48 x 48, rows 8 to 40 are seen
    background[10:50, :, 0] = 255
    background[:, :30, 1] = 255
    replace = parse_background(str(save(tmp_path / "b.png", background)))
    shown = replace(image, probability)
    assert shown[0, :, 0].min() == 255 and shown[-1, :, 0].min() == 255
    assert shown[0, :23, 1].min() == 255 and shown[0, 25:, 1].max() == 0
    np.testing.assert_array_equal(shown[probability > 0], image[probability > 0])
    np.testing.assert_array_equal(replace(image, probability), shown)  # the kept background was not painted over
    assert replace(image[:8, :8], probability[:8, :8]).shape == (8, 8, 3)
    np.testing.assert_array_equal(replace(image, probability), shown)


def test_blur_softens_the_background_without_a_halo_of_the_foreground() -> None:
    image = np.zeros((160, 160, 3), np.uint8)
    image[::8] = 80  # fine stripes
    mask = np.zeros((160, 160), np.uint8)
    mask[40:120, 40:120] = 255
    image[mask > 0] = 255
    shown = replace_background(image, mask, "blur")
    assert (shown[mask > 0] == 255).all()
    assert shown[:30].std() < image[:30].std() / 3
    assert shown[mask == 0].max() < 60


@pytest.mark.parametrize("spec", ["", "none", "#12345", "#gggggg", "gone.png"])
def test_other_words_are_refused_with_the_list(spec: str) -> None:
    with pytest.raises(UsageError, match="overlay, mask, side-by-side, blur, black"):
        parse_background(spec)


def test_a_background_that_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_text("text")
    with pytest.raises(SourceError, match="not an image"):
        parse_background(str(tmp_path / "b.png"))
