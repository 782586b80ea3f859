"""``drc eval`` and ``drc data`` as they are typed."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.cli.main import _load
from drc_runtime.errors import UsageError


def drc(*arguments: str) -> None:
    _load(arguments[0]).main(list(arguments[1:]), standalone_mode=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two splits of one image each, its left half the object."""
    for split in ("train", "test"):
        for kind, pixels in (("images", np.zeros((8, 8, 3), np.uint8)), ("masks", np.zeros((8, 8), np.uint8))):
            (tmp_path / "data" / split / kind).mkdir(parents=True)
            pixels[:, :4] = 255
            cv2.imwrite(str(tmp_path / "data" / split / kind / "0.png"), pixels)
    return tmp_path / "data"


def test_one_model_on_one_set(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drc("eval", "none", f"{data}/train", "--baseline", "constant", "--json", "--images", str(tmp_path / "drawn"))
    assert json.loads(capsys.readouterr().out)["constant"]["iou"] == 1.0
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["heat-map.png", "histograms.png"]


def test_masks_beside_a_set(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drc("eval", f"{data}/test/masks", f"{data}/train", "--masks", f"{data}/test/masks")
    assert "best permutation" in capsys.readouterr().out


def test_a_table(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "table.md"
    drc("eval", f"{data}/test/masks", "--data", str(data), "--baseline", "constant,grabcut", "--table", str(out))
    printed = capsys.readouterr().out
    assert printed == out.read_text()
    assert "| masks, as given | 100.0 | 100.0 | 100.0 | 100.0 |" in printed
    drc("eval", "none", f"{data}/train", "--baseline", "constant", "--table", str(tmp_path / "one.json"), "--json")
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "one.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "give MODEL and DATA"),
        (["none", "a", "b"], "give MODEL and DATA"),
        (["none", "--data", "a", "--masks", "b"], "for a table"),
        (["none", "a"], "nothing to measure"),
    ],
)
def test_wrong_evaluations(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        drc("eval", *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mnist"], "there are: tm-dsprites.*clevr6"),
        (["cub"], "with --from"),
        (["tm-dsprites", "--from", "x"], "is drawn"),
    ],
)
def test_wrong_data_sets(arguments: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        drc("data", arguments[0], str(tmp_path / "out"), *arguments[1:])
