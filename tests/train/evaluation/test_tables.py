"""Several sets, and the table that comes out."""

import json
from pathlib import Path

import pytest

from drc_runtime.errors import OutputError, UsageError
from drc_train.evaluation.options import EvaluationOptions
from drc_train.evaluation.tables import Cell, markdown, measure_table, to_json, with_splits, write_table


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
    rows = json.loads((tmp_path / "table.json").read_text())["cells"]
    assert [row["figures"]["images"] for row in rows] == [2, 2, 2, 1, 1, 1]
    assert rows == to_json(cells)["cells"]
    assert (rows[0]["model"], rows[0]["reading"], rows[0]["data"]) == ("other", "as given", "birds/train")
    assert rows[0]["figures"]["iou"] == 0.5
    with pytest.raises(OutputError):
        write_table(tmp_path / "nowhere" / "table.md", cells)


def test_a_set_that_was_not_measured_is_a_dash() -> None:
    figures = {"iou": 0.5, "dice": 0.25}
    text = markdown([Cell("a", "", "x", figures), Cell("b|c", "", "y", figures)])
    assert "| b/c | - | - | 50.0 | 25.0 |" in text


def test_nothing_to_measure(birds: Path) -> None:
    with pytest.raises(UsageError, match="give DATA"):
        measure_table([], [], baselines=["constant"])
    with pytest.raises(UsageError, match="choose from grabcut"):
        measure_table([], [str(birds)], baselines=["otsu"])


def test_splits_only_where_both_have_images(birds: Path, tmp_path: Path) -> None:
    assert with_splits(str(birds)) == [str(birds / "train"), str(birds / "test")]
    assert with_splits(str(birds / "train")) == [str(birds / "train")]
    assert with_splits("tm-dsprites:3") == ["tm-dsprites:3"]


def test_options_for_one_set_are_refused_for_splits(birds: Path, answers: Path) -> None:
    with pytest.raises(UsageError, match="--truth takes one model and one set"):
        measure_table([answers], [str(birds)], options=EvaluationOptions(truth=birds / "train" / "masks"))


def test_models_are_told_apart_by_their_folders(birds: Path, answers: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    answers.rename(tmp_path / "again" / "other")
    models = [tmp_path / "again" / "other", birds / "train" / "masks"]
    done: list[tuple[str, int]] = []
    progress = lambda name, count: done.append((name, count))  # noqa: E731
    cells = measure_table(models, [str(birds / "train")], progress=progress)
    assert [cell.model for cell in cells] == ["other", "other", "masks", "masks"]
    assert done == [("birds/train", 1), ("birds/train", 2)] * 2
    cells = measure_table([birds / "train" / "masks", birds / "train" / "masks"], [str(birds / "train")])
    assert {cell.figures["iou"] for cell in cells} == {1.0}


def test_a_deviation_stands_beside_its_mean() -> None:
    figures = {"iou": 0.5, "dice": 0.25, "iou_deviation": 0.012, "dice_deviation": 0.2}
    assert "| a, mixture | 50.0 ± 1.2 | 25.0 ± 20.0 |" in markdown([Cell("a", "mixture", "x", figures)])
