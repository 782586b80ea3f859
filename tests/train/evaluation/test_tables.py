"""``drc eval`` on folders of masks and baselines: one set, several sets, and the table that comes out."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import OutputError, SourceError, UsageError
from drc_train.evaluation.baselines import best_constant
from drc_train.evaluation.evaluate import evaluate
from drc_train.evaluation.tables import Cell, markdown, measure_table, with_splits, write_table


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def half(columns: slice, size: int = 8) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[:, columns] = 255
    return mask


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    """Two splits; the object is the left half in ``train``, the right quarter in ``test``."""
    for split, count, columns in (("train", 2, slice(0, 4)), ("test", 1, slice(6, 8))):
        for index in range(count):
            write(tmp_path / "birds" / split / "images" / f"{index}.png", np.full((8, 8, 3), 50 * index, np.uint8))
            write(tmp_path / "birds" / split / "masks" / f"{index}.png", half(columns))
    return tmp_path / "birds"


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Masks that are right in ``train/0``, the complement of the truth in ``train/1``; half of 0's size."""
    write(tmp_path / "other" / "0.png", half(slice(0, 2), 4))
    write(tmp_path / "other" / "1.png", half(slice(2, 4), 4))
    return tmp_path / "other"


def test_masks_of_another_method(birds: Path, answers: Path) -> None:
    figures = evaluate(answers, str(birds / "train"))
    assert figures["as given"]["iou"] == pytest.approx(0.5)
    assert figures["best permutation"]["iou"] == pytest.approx(1.0)


def test_slots_of_another_method(birds: Path, tmp_path: Path) -> None:
    for index in range(2):
        write(tmp_path / "slots" / str(index) / "0.png", half(slice(0, 4)))
        write(tmp_path / "slots" / str(index) / "1.png", half(slice(4, 8)))
    figures = evaluate(tmp_path / "slots", str(birds / "train"))
    assert figures["one slot as background"]["iou"] == figures["one slot as background"]["ari"] == 1.0
    assert figures["all slots"]["iou"] == pytest.approx(0.5)


def test_masks_that_lack_a_image(birds: Path, answers: Path) -> None:
    (answers / "1.png").unlink()
    with pytest.raises(SourceError, match="neither 1.png nor 1/"):
        evaluate(answers, str(birds / "train"))


def test_one_table_over_splits_and_categories(birds: Path, answers: Path, tmp_path: Path) -> None:
    cells = measure_table([answers], [str(birds)], baselines=["constant"])
    text = markdown(cells)
    assert text.splitlines()[0] == "| model | birds/train IoU | birds/train Dice | birds/test IoU | birds/test Dice |"
    assert "| other, as given | 50.0 | 50.0 | 0.0 | 0.0 |" in text  # the test's object is on the other side
    assert "| constant | 100.0 | 100.0 | 100.0 | 100.0 |" in text
    assert all(line.count("|") == 6 for line in text.splitlines())
    write_table(tmp_path / "table.md", cells)
    assert (tmp_path / "table.md").read_text() == text
    write_table(tmp_path / "table.json", cells)
    rows = json.loads((tmp_path / "table.json").read_text())
    assert [row["images"] for row in rows] == [2, 2, 2, 1, 1, 1]
    assert rows[0] | {"model": "other", "reading": "as given", "data": "birds/train", "iou": 0.5} == rows[0]
    with pytest.raises(OutputError):
        write_table(tmp_path / "nowhere" / "table.md", cells)


def test_a_set_that_was_not_measured_is_a_dash() -> None:
    figures = {"iou": 0.5, "dice": 0.25}
    text = markdown([Cell("a", "", "x", figures), Cell("b|c", "", "y", figures)])
    assert "| b/c | - | - | 50.0 | 25.0 |" in text


def test_nothing_to_measure(birds: Path) -> None:
    with pytest.raises(UsageError, match="needs data"):
        measure_table([], [], baselines=["constant"])
    with pytest.raises(UsageError, match="choose from grabcut"):
        measure_table([], [str(birds)], baselines=["otsu"])


def test_splits_only_where_both_have_images(birds: Path, tmp_path: Path) -> None:
    assert with_splits(str(birds)) == [str(birds / "train"), str(birds / "test")]
    assert with_splits(str(birds / "train")) == [str(birds / "train")]
    assert with_splits("tm-dsprites:3") == ["tm-dsprites:3"]


def test_size_scales_images_and_truth(birds: Path) -> None:
    figures = evaluate(None, str(birds / "train"), baselines=["constant"], size=16)
    assert figures["constant"]["iou"] == 1.0


def test_the_best_constant_mask_covers_what_most_objects_cover() -> None:
    truths = [half(slice(0, 4)), half(slice(0, 4)), half(slice(4, 8)), half(slice(0, 0))]
    mask = best_constant(iter(truths))(np.zeros((6, 10, 3), np.uint8))
    assert mask.shape == (6, 10)
    # two of three on the left: IoU 2/3 beats 1/2 for everything
    assert mask[:, :5].all() and not mask[:, 5:].any()
