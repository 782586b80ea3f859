"""The ablation on a tiny set: every row is learned and measured, and the whole can be stopped and resumed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drc_runtime.errors import TrainingError
from drc_train.config import load_config
from drc_train.evaluation.ablation import ablate
from drc_train.evaluation.ablation_plan import ROWS, AblationOptions
from drc_train.training import to_the_end
from drc_train.training import train as training
from drc_train.training.checkpoint import load_model

pytestmark = pytest.mark.usefixtures("uncompiled")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for split, count in (("train", 5), ("test", 3)):
        for kind in ("images", "masks"):
            (tmp_path / "data" / split / kind).mkdir(parents=True)
        for index in range(count):
            mask = np.zeros((8, 8), np.uint8)
            mask[2:6, index : index + 3] = 255
            image = random.integers(0, 120, (8, 8, 3), np.uint8)
            image[mask > 0] = 250, 30, 30
            cv2.imwrite(str(tmp_path / "data" / split / "images" / f"{index}.png"), image)
            cv2.imwrite(str(tmp_path / "data" / split / "masks" / f"{index}.png"), mask)
    return tmp_path / "data"


def options_of(overrides: list[str], **options: Any) -> AblationOptions:
    return AblationOptions(preset="edge-32", overrides=[*overrides, "sampler.cold_steps=2"], **options)


@pytest.fixture
def quick_overrides(tiny_overrides: list[str]) -> list[str]:
    """Every row with encoders, which spares the seconds that tracing the chains' steps takes."""
    return [*tiny_overrides, "model.inference=amortised", "train.pseudo_label_weight=0"]


def test_every_row_changes_what_it_says(tiny_overrides: list[str]) -> None:
    full = load_config("edge-32", tiny_overrides)
    changed = {}
    for name, row in ROWS.items():
        config = load_config("edge-32", [*tiny_overrides, *row.overrides])
        sections = ((full.model, config.model), (full.model.latent, config.model.latent), (full.train, config.train))
        changed[name] = {
            key
            for before, after in sections
            for key in type(before).model_fields
            if key != "latent" and getattr(before, key) != getattr(after, key)
        }
    assert changed == {
        "amortised": {"inference", "pseudo_label_weight"},
        "no-reassignment": {"reassignment"},
        "no-pseudo-label": {"pseudo_label_weight"},
        "no-total-variation": {"total_variation_weight"},
        "no-orthogonal": {"orthogonal_weight"},
        "short-run": {"redraw"},
        "full": set(),
    }


def test_rows_are_learned_and_measured_as_one_table(data: Path, tmp_path: Path, tiny_overrides: list[str]) -> None:
    out = tmp_path / "out"
    rows = ["amortised", "no-reassignment", "full"]  # the others differ from the full model in weights only
    report = ablate(str(data), out, options_of(tiny_overrides, rows=rows, iterations=1))
    table = (out / "table.md").read_text()
    assert table.splitlines()[0] == (
        "| model | training chains IoU | training chains Dice | from noise IoU | from noise Dice |"
    )
    for name in rows:
        assert f"| {ROWS[name].title}, responsibility |" in table and f"| {ROWS[name].title}, mixture |" in table
    values = json.loads((out / "table.json").read_text())
    assert values == json.loads(json.dumps(report.to_json()))
    assert len(values["cells"]) == 2 * 2 * len(rows) and values["seeds"] == [0] and values["machine"]
    images = {cell["data"]: cell["figures"]["images"] for cell in values["cells"]}
    assert images == {"training chains": 5, "from noise": 3}
    assert load_model(out / "amortised-0")[1].model.inference == "amortised"


def test_stopped_and_resumed(
    data: Path, tmp_path: Path, quick_overrides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run is neither learned nor measured again; the second goes on; settings come from the plan."""
    out, options = tmp_path / "out", options_of(quick_overrides, rows=["short-run", "full"], iterations=2)
    real, learned = to_the_end.train, []

    def counted(*arguments: object, **keywords: object) -> training.TrainReport:
        learned.append(str(arguments[1]))
        if len(learned) == 2:
            real(*arguments, **keywords | {"iterations": 1})  # as if Ctrl-C had come then
            raise KeyboardInterrupt
        return real(*arguments, **keywords)

    monkeypatch.setattr(to_the_end, "train", counted)
    with pytest.raises(KeyboardInterrupt):
        ablate(str(data), out, options)
    assert "short-run chain" in (out / "table.md").read_text() and "full" not in (out / "table.md").read_text()
    measured = (out / "short-run-0" / "measured.json").stat().st_mtime_ns
    report = ablate(str(data), out, resume=True)
    assert [Path(path).name for path in learned] == ["short-run-0", "full-0", "full-0"]
    assert (out / "short-run-0" / "measured.json").stat().st_mtime_ns == measured
    assert {cell.figures["iterations"] for cell in report.cells} == {2.0}
    assert [cell.model for cell in report.cells[::4]] == ["short-run chain", "full model"]
    further = ablate(str(data), out, AblationOptions(iterations=3), resume=True)
    assert {cell.figures["iterations"] for cell in further.cells} == {3.0}
    assert json.loads((out / "table.json").read_text())["names"] == ["short-run", "full"]


def test_a_run_is_measured_again_when_the_truth_or_its_weights_have_changed(
    data: Path, tmp_path: Path, quick_overrides: list[str]
) -> None:
    out = tmp_path / "out"
    before = ablate(str(data), out, options_of(quick_overrides, rows=["full"], iterations=1))
    for mask in (data / "test" / "masks").iterdir():
        cv2.imwrite(str(mask), np.eye(8, dtype=np.uint8) * 255)
    after = ablate(str(data), out, resume=True)
    assert [cell.figures["iou"] for cell in after.cells] != [cell.figures["iou"] for cell in before.cells]
    subject = json.loads((out / "full-0" / "measured.json").read_text())["subject"]
    (weights,) = (out / "full-0").glob("checkpoint-*.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1  # the last bit of the state, as another run of as many iterations would have it
    weights.write_bytes(content)
    ablate(str(data), out, resume=True)
    assert json.loads((out / "full-0" / "measured.json").read_text())["subject"] != subject


def test_ctrl_c_ends_the_whole_and_leaves_what_was_measured(
    data: Path, tmp_path: Path, quick_overrides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = to_the_end.train

    def interrupted(source: str, out: Path, **keywords: object) -> training.TrainReport:
        return replace(real(source, out, **keywords), interrupted=out.name == "full-0")

    monkeypatch.setattr(to_the_end, "train", interrupted)
    report = ablate(str(data), tmp_path / "out", options_of(quick_overrides, rows=["short-run", "full"], iterations=1))
    assert report.interrupted and {cell.model for cell in report.cells} == {"short-run chain"}
    table = (tmp_path / "out" / "table.md").read_text()
    assert "short-run chain" in table and "full model" not in table


def test_seeds_are_averaged_with_their_deviation(data: Path, tmp_path: Path, quick_overrides: list[str]) -> None:
    report = ablate(str(data), tmp_path / "out", options_of(quick_overrides, rows=["full"], seeds=(3, 4), iterations=1))
    single = [json.loads((tmp_path / "out" / f"full-{seed}" / "measured.json").read_text()) for seed in (3, 4)]
    ious = [values["cells"][0]["figures"]["iou"] for values in single]
    assert report.cells[0].figures["iou"] == pytest.approx(np.mean(ious))
    assert report.cells[0].figures["iou_deviation"] == pytest.approx(np.std(ious, ddof=1))
    assert "±" in (tmp_path / "out" / "table.md").read_text()
    assert load_model(tmp_path / "out" / "full-4")[1].train.seed == 4


@pytest.mark.parametrize("broken", ["short-run", "full"])
def test_a_run_that_fails_does_not_stop_the_others(
    data: Path, tmp_path: Path, quick_overrides: list[str], monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Neither the first run nor the last; the table says why it has no such row."""
    real = to_the_end.train

    def breaking(source: str, out: Path, **keywords: object) -> training.TrainReport:
        if out.name.startswith(broken):
            raise TrainingError("iteration 7 has figures that are not finite")
        return real(source, out, **keywords)

    monkeypatch.setattr(to_the_end, "train", breaking)
    report = ablate(str(data), tmp_path / "out", options_of(quick_overrides, rows=["short-run", "full"], iterations=1))
    assert report.failures == {f"{broken}-0": "iteration 7 has figures that are not finite"}
    assert {cell.model for cell in report.cells} == {
        ROWS[name].title for name in ("short-run", "full") if name != broken
    }
    assert "not finite" in (tmp_path / "out" / "table.md").read_text()
    assert json.loads((tmp_path / "out" / "table.json").read_text())["failures"] == report.failures
