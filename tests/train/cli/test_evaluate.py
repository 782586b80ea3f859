"""``drc eval`` as it is typed."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import UsageError
from drc_train.cli.evaluate import evaluate


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two splits of one image each; the left half is the object."""
    for split in ("train", "test"):
        for kind, pixels in (("images", np.zeros((8, 8, 3), np.uint8)), ("masks", np.zeros((8, 8), np.uint8))):
            (tmp_path / "data" / split / kind).mkdir(parents=True)
            pixels[:, :4] = 255
            cv2.imwrite(str(tmp_path / "data" / split / kind / "0.png"), pixels)
    return tmp_path / "data"


def test_a_baseline_needs_no_model(data: Path, typed, capsys: pytest.CaptureFixture[str]) -> None:
    typed(evaluate, data / "train", "--baseline", "constant", "--json")
    figures = json.loads(capsys.readouterr().out)
    assert list(figures) == ["constant"] and figures["constant"]["iou"] == 1.0


def test_a_limit_is_the_number_of_images(data: Path, typed, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("images", "masks"):
        (data / "train" / kind / "1.png").write_bytes((data / "train" / kind / "0.png").read_bytes())
    for limit, images in ((1, 1), (5, 2)):
        typed(evaluate, data / "train", "--baseline", "constant", "--limit", limit, "--json")
        assert json.loads(capsys.readouterr().out)["constant"]["images"] == images


def test_a_model_and_baselines_on_one_set(data: Path, typed, capsys: pytest.CaptureFixture[str]) -> None:
    typed(evaluate, data / "train", "--model", data / "test" / "masks", "--baseline", "constant,grabcut", "--json")
    figures = json.loads(capsys.readouterr().out)
    assert list(figures) == ["as given", "best permutation", "constant", "grabcut"]
    assert figures["as given"]["f1"] == 1.0
    typed(evaluate, data / "train", "--model", data / "test" / "masks")
    printed = capsys.readouterr().out
    assert "best permutation" in printed and "100.0" in printed


def test_the_truth_may_lie_elsewhere(data: Path, tmp_path: Path, typed, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "train" / "masks").rename(tmp_path / "truth")
    typed(evaluate, data / "train", "--truth", tmp_path / "truth", "--baseline", "constant", "--json")
    assert json.loads(capsys.readouterr().out)["constant"]["images"] == 1


def test_splits_give_a_table(data: Path, tmp_path: Path, typed, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "table.md"
    masks = data / "test" / "masks"
    typed(evaluate, data, "--model", masks, "--baseline", "constant,grabcut", "--table", out)
    printed = capsys.readouterr().out
    assert printed == out.read_text()
    assert "| masks, as given | 100.0 | 100.0 | 100.0 | 100.0 |" in printed
    typed(evaluate, data, "--model", masks, "--json")
    cells = json.loads(capsys.readouterr().out)["cells"]
    assert [(cell["reading"], cell["data"]) for cell in cells[::2]] == [
        ("as given", "data/train"),
        ("as given", "data/test"),
    ]


def test_several_models_and_several_sets(data: Path, tmp_path: Path, typed, capsys: pytest.CaptureFixture[str]) -> None:
    models = f"{data}/train/masks,{data}/test/masks"
    typed(evaluate, data / "train", data / "test", "--model", models, "--table", tmp_path / "t.json", "--json")
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "t.json").read_text())
    found = {(cell["model"], cell["data"]) for cell in printed["cells"]}
    assert len(found) == 4 and ("train/masks", "data/test") in found
    assert printed["cells"][0]["figures"]["iou"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to measure"),
        (["--baseline", "constant", "--seed", "0"], "--seed has no effect"),
        (["--baseline", "constant", "--steps", "3"], "--steps has no effect"),
        (["--baseline", "constant", "--gallery", "g"], "--gallery draws"),
        (["--baseline", "constant", "--skip", "2"], "--skip has no effect"),
        (["--baseline", "constant", "--chains"], "--chains needs the run"),
        (["--model", "a,b", "--truth", "t"], "--truth takes one model"),
    ],
)
def test_options_without_effect_are_refused(data: Path, typed, arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        typed(evaluate, data / "train", *arguments)


def test_names_are_printed_as_they_are_and_not_as_markup(
    data: Path, tmp_path: Path, typed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    odd = tmp_path / "[" / "bold]"  # [/bold]
    odd.parent.mkdir()
    (data / "test" / "masks").rename(odd)
    typed(evaluate, data / "train", "--model", odd)
    assert "best permutation" in capsys.readouterr().out


def test_void_pixels_are_stated(data: Path, typed, capsys: pytest.CaptureFixture[str]) -> None:
    labels = np.zeros((8, 8), np.uint8)
    labels[:, :3], labels[:, 3] = 1, 255
    cv2.imwrite(str(data / "train" / "masks" / "0.png"), labels)
    typed(evaluate, data / "train", "--model", data / "test" / "masks")
    assert "as given: 12.50% of the pixels are void in the truth and not measured" in capsys.readouterr().out
