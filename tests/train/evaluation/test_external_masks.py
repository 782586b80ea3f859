"""Masks that another method wrote."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import SourceError
from drc_train.data.evaluation import Labelled
from drc_train.evaluation.external_masks import is_masks, read_masks

LEFT, RIGHT = np.zeros((2, 8, 8), np.uint8)
LEFT[:, :4], RIGHT[:, 4:] = 255, 255
LABELLED = Labelled("a", np.zeros((8, 8, 3), np.uint8), LEFT)


def test_a_mask_of_half_the_size(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), RIGHT[::2, ::2])
    found = read_masks(tmp_path, LABELLED)
    assert np.array_equal(found.masks["as given"] > 127, RIGHT > 127)
    assert np.array_equal(found.masks["best permutation"], LEFT)
    assert list(found.masks) == ["as given", "best permutation"] and found.figures == {}


def test_slots(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for index, slot in enumerate((LEFT, RIGHT)):
        cv2.imwrite(str(tmp_path / "a" / f"{index}.png"), slot)
    found = read_masks(tmp_path, LABELLED)
    assert np.array_equal(found.masks["one slot as background"], LEFT) and (found.masks["all slots"] == 255).all()
    assert found.figures["ari"] == 1.0


def test_an_image_without_a_mask(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    cv2.imwrite(str(tmp_path / "a" / "0.png"), LEFT)
    with pytest.raises(SourceError, match="neither a.png nor a/ with two or more slots"):
        read_masks(tmp_path, LABELLED)


def test_folders_of_masks_are_told_from_runs_and_bundles(tmp_path: Path) -> None:
    assert not is_masks(tmp_path) and not is_masks(tmp_path / "nowhere")
    cv2.imwrite(str(tmp_path / "a.png"), LEFT)
    assert is_masks(tmp_path)
    (tmp_path / "manifest.json").write_text("")
    assert not is_masks(tmp_path)
    (tmp_path / "slots" / "a").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "slots" / "a" / "0.png"), LEFT)
    assert is_masks(tmp_path / "slots")
