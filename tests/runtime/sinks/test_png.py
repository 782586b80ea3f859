"""Masks and composed images as PNG files."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import OutputError
from drc_runtime.frames import Frame, View
from drc_runtime.inference.extraction import Extraction
from drc_runtime.sinks.png import ImageSink, MaskSink
from drc_runtime.views.compose import cutout, parse_background


def composed(background: Callable[..., np.ndarray]) -> View:
    return lambda frame, extraction: background(frame.image, extraction.probability)


def frame(image: np.ndarray, index: int = 0, seconds: float = 0.0) -> Frame:
    return Frame(image, index, seconds, f"{index:05d}")


def extraction(image: np.ndarray, probability: np.ndarray | None = None) -> Extraction:
    return Extraction(np.zeros(image.shape[:2], np.uint8) if probability is None else probability, 0.0, 1)


GRADIENT = np.arange(32 * 48, dtype=np.uint32).reshape(32, 48).astype(np.uint8)


def test_masks_are_thresholded_at_one_half(tmp_path: Path, image: np.ndarray) -> None:
    with MaskSink(tmp_path / "deep" / "masks") as sink:
        sink.write(frame(image, 7), extraction(image, GRADIENT))
    mask = cv2.imread(str(tmp_path / "deep" / "masks" / "00007.png"), cv2.IMREAD_UNCHANGED)
    assert mask.dtype == np.uint8 and mask.shape == (32, 48)
    np.testing.assert_array_equal(mask, np.where(GRADIENT >= 128, 255, 0))


def test_soft_masks_keep_the_probability(tmp_path: Path, image: np.ndarray) -> None:
    with MaskSink(tmp_path, soft=True) as sink:
        sink.write(frame(image), extraction(image, GRADIENT))
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "00000.png"), cv2.IMREAD_UNCHANGED), GRADIENT)


def test_a_mask_that_cannot_be_encoded_leaves_nothing(
    tmp_path: Path, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, None))
    with pytest.raises(OutputError), MaskSink(tmp_path) as sink:
        sink.write(frame(image), extraction(image))
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_no_folder_can_be_made_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot create the folder"):
        MaskSink(tmp_path / "file" / "masks")


@pytest.mark.parametrize("target", ["cut.png", "folder"])
def test_cut_outs_are_rgba_with_the_probability_as_alpha(tmp_path: Path, image: np.ndarray, target: str) -> None:
    with ImageSink(tmp_path / target, composed(cutout)) as sink:
        sink.write(frame(image), extraction(image, GRADIENT))
    path = tmp_path / "cut.png" if target == "cut.png" else tmp_path / "folder" / "00000.png"
    rgba = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    np.testing.assert_array_equal(rgba, np.dstack([image, GRADIENT]))


def test_images_get_the_background_that_was_asked_for(tmp_path: Path, image: np.ndarray) -> None:
    with ImageSink(tmp_path / "a.png", composed(parse_background("#102030"))) as sink:
        sink.write(frame(image), extraction(image))
    written = cv2.cvtColor(cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGR2RGB)
    assert (written == (0x10, 0x20, 0x30)).all()
