"""Images and frames with their masks."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import SourceError
from drc_train.data.evaluation import EVALUATION_SEED, load_evaluation
from drc_train.data.source import TRAINING_SEED
from drc_train.data.synthetic import tm_dsprites
from tests.videos import write_video


def write_mask(path: Path, value: int = 255, size: tuple[int, int] = (48, 64)) -> None:
    path.parent.mkdir(exist_ok=True)
    mask = np.zeros(size, np.uint8)
    mask[:10] = value
    cv2.imwrite(str(path), mask)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for index in range(3):
        cv2.imwrite(str(tmp_path / "images" / f"p{index}.png"), np.full((48, 64, 3), (index, 0, 200), np.uint8))
    write_mask(tmp_path / "masks" / "p0.png")
    write_mask(tmp_path / "masks" / "p2.png", value=130)
    return tmp_path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = write_video(tmp_path / "clip.avi", (np.full((48, 64, 3), 40 * index, np.uint8) for index in range(5)))
    for index in (1, 3, 4):
        write_mask(tmp_path / "masks" / f"{index:05d}.png")
    return path


def test_images_with_their_masks_at_full_size(folder):
    found = list(load_evaluation(str(folder)))
    assert [item.name for item in found] == ["p0", "p2"]
    assert tuple(found[1].image[0, 0]) == (200, 0, 2)
    for item in found:
        assert item.image.shape == (48, 64, 3) and item.mask.shape == (48, 64)
        assert (item.mask[:10] == 255).all() and not item.mask[10:].any()


def test_frames_with_their_masks(clip):
    found = list(load_evaluation(str(clip)))
    assert [item.name for item in found] == ["00001", "00003", "00004"]
    assert np.abs([item.image.mean() - level for item, level in zip(found, (40, 120, 160), strict=True)]).max() < 3


def test_masks_in_another_place(clip, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "masks").rename(elsewhere)
    with pytest.raises(SourceError, match="with --truth"):
        load_evaluation(str(clip))
    assert len(list(load_evaluation(str(clip), str(elsewhere)))) == 3


def test_masks_of_another_clip(clip, tmp_path):
    write_mask(tmp_path / "masks" / "00005.png")
    with pytest.raises(SourceError, match="00005.png belongs to no frame"):
        list(load_evaluation(str(clip)))


def test_no_mask_at_all(folder):
    for path in (folder / "masks").iterdir():
        path.rename(path.with_name(f"other-{path.name}"))
    with pytest.raises(SourceError, match="no masks"):
        load_evaluation(str(folder))


def test_a_mask_of_another_size_or_none_that_can_be_read(folder):
    write_mask(folder / "masks" / "p0.png", size=(24, 32))
    with pytest.raises(SourceError, match="p0.png is 32x24 but its image 64x48"):
        list(load_evaluation(str(folder)))
    for damaged in (b"", b"text"):
        (folder / "masks" / "p0.png").write_bytes(damaged)
        with pytest.raises(SourceError, match="p0.png is not an image .*expected a mask"):
            list(load_evaluation(str(folder)))


def test_what_cannot_be_evaluated(folder, tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        load_evaluation(str(tmp_path / "missing"))
    with pytest.raises(SourceError, match="single image"):
        load_evaluation(str(folder / "images" / "p0.png"))


def test_drawn_sets_are_not_those_of_training():
    assert EVALUATION_SEED < TRAINING_SEED
    found = list(load_evaluation("tm-dsprites:2"))
    images, masks = tm_dsprites.draw(2, 128, EVALUATION_SEED)
    assert np.array_equal([item.image for item in found], images)
    assert np.array_equal([item.mask for item in found], masks)
    assert [item.image.shape for item in load_evaluation("scene:2")] == [(240, 320, 3)] * 2


def test_truth_that_is_empty_everywhere_is_refused_before_any_work(folder):
    for name in ("p0", "p2"):
        write_mask(folder / "masks" / f"{name}.png", value=0)
    with pytest.raises(SourceError, match="no foreground in the 2 masks of .*--truth"):
        load_evaluation(str(folder))
    write_mask(folder / "masks" / "p2.png", value=1)
    assert [int(item.mask.max()) for item in load_evaluation(str(folder))] == [0, 255]


def test_void_pixels_come_with_the_mask(folder):
    labels = np.zeros((48, 64), np.uint8)
    labels[:10], labels[10:12] = 3, 255
    for name in ("p0", "p2"):
        cv2.imwrite(str(folder / "masks" / f"{name}.png"), labels)
    for item in load_evaluation(str(folder)):
        assert (item.mask[:10] == 255).all() and not item.mask[10:].any()
        assert item.void[10:12].all() and item.void.sum() == 2 * 64


def test_the_folder_of_a_drawn_clip(clip, tmp_path):
    clip.rename(tmp_path / "clip.mp4")
    assert [item.name for item in load_evaluation(str(tmp_path))] == ["00001", "00003", "00004"]
