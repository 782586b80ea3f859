"""What the levels and colours of a mask file mean."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drc_runtime.errors import SourceError
from drc_train.data.masks import binary, read_mask, read_probabilities

OBJECT = np.zeros((12, 16), np.uint8)
OBJECT[2:8, 3:9] = 1
SECOND = np.zeros((12, 16), np.uint8)
SECOND[9:, 10:] = 1
EDGE = np.zeros((12, 16), bool)
EDGE[0] = True
DAVIS = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]


def palette(indices: np.ndarray, colours: list[int] = DAVIS) -> Image.Image:
    image = Image.fromarray(indices.astype(np.uint8), "P")
    image.putpalette((colours + [0] * 768)[:765] + [224, 224, 192])
    return image


def labels(first: int, second: int, void: int = 0) -> np.ndarray:
    return np.where(EDGE, void, first * OBJECT + second * SECOND).astype(np.uint8)


def colours(first: tuple[int, int, int], second: tuple[int, int, int], void: tuple[int, int, int]) -> Image.Image:
    pixels = OBJECT[..., None] * np.uint8(first) + SECOND[..., None] * np.uint8(second)
    pixels[EDGE] = void
    return Image.fromarray(pixels)


def grey(levels: np.ndarray, dtype: type = np.uint8) -> Image.Image:
    return Image.fromarray(levels.astype(dtype))


SAME = {
    "0 and 255": grey(labels(255, 255)),
    "0 and 1": grey(labels(1, 1)),
    "0 and 2": grey(labels(2, 2)),
    "0 and 130": grey(labels(130, 130)),
    "DAVIS as grey": grey(labels(38, 38)),
    "1 bit": grey(labels(255, 255)).convert("1"),
    "16 bits": grey(labels(1, 1).astype(np.uint16) * 65535, np.uint16),
    "16 bits, 0 and 1": grey(labels(1, 1), np.uint16),
    "16 bits, 0 and 300": grey(labels(1, 1).astype(np.uint16) * 300, np.uint16),
    "labels": grey(labels(1, 2)),
    "palette": palette(labels(1, 1)),
    "palette, two objects": palette(labels(1, 2)),
    "palette, large index": palette(labels(1, 40), [0, 0, 0, *range(1, 200)]),
    "grey palette": palette(labels(1, 1), [0, 0, 0, 255, 255, 255]),
    "grey palette, light background": palette(1 - labels(1, 1), [255, 255, 255, 0, 0, 0]),
    "palette of one colour": palette(labels(1, 1), [0] * 768),
    "RGB, white": colours((255,) * 3, (255,) * 3, (0,) * 3),
    "RGB, red": colours((128, 0, 0), (128, 0, 0), (0,) * 3),
    "opaque": colours((255,) * 3, (255,) * 3, (0,) * 3).convert("RGBA"),
}
WITH_VOID = {
    "VOC": palette(labels(15, 1, 255)),
    "VOC, raw": grey(labels(15, 1, 255)),
    "0, 1 and 255": grey(labels(1, 1, 255)),
    "VOC, RGB": colours((128, 0, 0), (128, 0, 0), (224, 224, 192)),
}


@pytest.mark.parametrize("kind", SAME)
@pytest.mark.parametrize("read", [lambda path: read_mask(path).mask, read_probabilities], ids=["truth", "method's"])
def test_the_same_mask_in_every_form(tmp_path: Path, kind: str, read) -> None:
    if kind in ("DAVIS as grey", "16 bits, 0 and 300") and read is read_probabilities:
        return  # as a probability, each of these levels is background
    SAME[kind].save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png"), 255 * (OBJECT | SECOND))


@pytest.mark.parametrize("kind", SAME)
def test_without_void_there_is_none(tmp_path: Path, kind: str) -> None:
    SAME[kind].save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png").void is None


@pytest.mark.parametrize("kind", WITH_VOID)
def test_void_is_neither_background_nor_foreground(tmp_path: Path, kind: str) -> None:
    WITH_VOID[kind].save(tmp_path / "a.png")
    mask, void = read_mask(tmp_path / "a.png")
    np.testing.assert_array_equal(mask, 255 * (OBJECT | SECOND))
    np.testing.assert_array_equal(void, EDGE)


def test_soft_edges_are_cut_at_128(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    grey(levels).save(tmp_path / "a.png")
    expected = np.repeat(np.array([0, 255], np.uint8), 128).reshape(16, 16)
    for mask in (read_mask(tmp_path / "a.png").mask, read_probabilities(tmp_path / "a.png"), binary(levels)):
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, expected)
    grey(levels.astype(np.uint16) * 257, np.uint16).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "b.png").mask, expected)


@pytest.mark.parametrize("value", [0, 1, 7, 128, 255])
def test_one_level_is_all_background_or_all_foreground(tmp_path: Path, value: int) -> None:
    grey(np.full((4, 4), value)).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png").mask.tolist() == [[255 if value else 0] * 4] * 4


def test_the_edges_of_a_jpeg_are_cut_and_hold_no_labels(tmp_path: Path) -> None:
    grey(255 * np.kron(OBJECT, np.ones((8, 8)))).save(tmp_path / "a.png", "JPEG", quality=80)
    assert (read_mask(tmp_path / "a.png").mask == 255 * np.kron(OBJECT, np.ones((8, 8)))).mean() > 0.99
    grey(np.kron(OBJECT * 20, np.ones((8, 8)))).save(tmp_path / "b.png", "JPEG", quality=80)
    with pytest.raises(SourceError, match="can mean several things"):
        read_mask(tmp_path / "b.png")


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (grey(labels(1, 2) + 1), "grey levels 1, 2, 3, which can mean"),
        (grey(labels(60, 90)), "grey levels 0, 60, 90, which can mean several things .*write 0 for the background"),
        (grey(labels(5, 150)), "grey levels 0, 5, 150"),
        (colours((128, 0, 0), (0, 128, 0), (0, 0, 0)), "3 colours"),
        (Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)), "81 colours"),
        (Image.fromarray(np.dstack([np.full((12, 16, 3), 255, np.uint8), OBJECT * 255])), "transparent in places"),
        (Image.fromarray(OBJECT.astype(np.uint16) + 2 * SECOND.astype(np.uint16) * 13000), "grey levels 0, 1, 26000"),
    ],
)
def test_an_ambiguous_mask_is_refused(tmp_path: Path, image: Image.Image, reason: str) -> None:
    image.save(tmp_path / "a.png")
    with pytest.raises(SourceError, match=reason) as caught:
        read_mask(tmp_path / "a.png")
    assert "\n" not in str(caught.value)


def test_low_levels_are_probabilities_where_another_mask_of_the_folder_has_shades(tmp_path: Path) -> None:
    grey(labels(1, 2)).save(tmp_path / "0.png")
    grey(labels(90, 200)).save(tmp_path / "1.png")
    assert not read_probabilities(tmp_path / "0.png").any()
    np.testing.assert_array_equal(read_probabilities(tmp_path / "1.png"), 255 * SECOND)


@pytest.mark.parametrize("data", [b"", b"text"])
def test_what_is_no_mask(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(SourceError, match=r"a.png is not an image that can be read.*expected a mask"):
        read_mask(tmp_path / "a.png")


def test_a_damaged_mask(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[200:220] = bytes(20)
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(SourceError, match=r"a.png is not a mask that can be read: its data is damaged"):
        read_mask(tmp_path / "a.png")


def test_a_missing_mask(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot read .*a.png: No such file"):
        read_mask(tmp_path / "a.png")
