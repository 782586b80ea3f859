"""What drc eval writes: a table and figures, which replace nothing of a user."""

import json
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.errors import OutputError, UsageError
from drc_runtime.images import write_png
from drc_train.evaluation.outputs import claim_outputs, is_table
from drc_train.evaluation.tables import Cell, markdown, to_json, write_table

CELLS = [
    Cell("run", "mixture", "set | a", {"iou": 0.5, "dice": 0.6}),
    Cell("run", "mixture", "b", {"iou": 0.5, "dice": 0.6}),
]


@pytest.mark.parametrize("name", ["t.md", "t.json"])
def test_a_table_is_replaced_with_overwrite_only(tmp_path: Path, name: str) -> None:
    table = tmp_path / name
    with claim_outputs(table, None, ["set"], overwrite=False):
        write_table(table, CELLS)
    assert is_table(table)
    write_table(tmp_path / f"empty-{name}", [])
    assert is_table(tmp_path / f"empty-{name}")
    with pytest.raises(UsageError, match="exists; choose another name or add --overwrite"):
        with claim_outputs(table, None, ["set"], overwrite=False):
            pass
    with claim_outputs(table, None, ["set"], overwrite=True):
        write_table(table, CELLS[:1])
    assert table.read_text() in (markdown(CELLS[:1]), json.dumps(to_json(CELLS[:1]), indent=2) + "\n")


@pytest.mark.parametrize(
    "text", ["my thesis", "| model | year |\n|---|---|\n", '{"cells": [{"type": "code"}]}', '{"cells": 3}', "[]"]
)
@pytest.mark.parametrize("name", ["t.md", "t.json"])
def test_other_files_are_not_replaced(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match="was not written by drc"):
        with claim_outputs(tmp_path / name, None, ["set"], overwrite=True):
            pass
    assert (tmp_path / name).read_text() == text


def test_figures_replace_figures_only(tmp_path: Path) -> None:
    gallery = tmp_path / "gallery"
    with claim_outputs(None, gallery, ["set"], overwrite=False):
        (gallery / "slots").mkdir()
        write_png(gallery / "slots" / "a.png", np.eye(4, dtype=np.uint8))
        write_png(gallery / "worst.png", np.eye(4, dtype=np.uint8))
    (gallery / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"), claim_outputs(None, gallery, ["set"], overwrite=False):
        pass
    with claim_outputs(None, gallery, ["set"], overwrite=True):
        assert [path.name for path in gallery.iterdir()] == ["notes.txt"], "none of earlier figures stays"
    (gallery / "extractions.png").write_bytes(b"mine")
    with pytest.raises(UsageError, match="holds extractions.png"), claim_outputs(None, gallery, ["s"], overwrite=True):
        pass


def test_places_are_checked_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "set" / "masks").mkdir(parents=True)
    for table, gallery, error in (
        (tmp_path / "missing" / "t.md", None, OutputError),
        (tmp_path / "set", None, UsageError),
        (None, tmp_path / "set" / "masks", UsageError),
        (None, tmp_path / "set", UsageError),
    ):
        with pytest.raises(error), claim_outputs(table, gallery, [str(tmp_path / "set")], overwrite=True):
            pass
    with pytest.raises(UsageError, match="--overwrite has no effect"), claim_outputs(None, None, [], overwrite=True):
        pass
