"""The ablation table on a tiny set: every row learns, is measured, and the whole can be stopped and resumed."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.cli.main import _load
from drc_runtime.errors import TrainingError, UsageError
from drc_train.config import load_config
from drc_train.evaluation import ablation
from drc_train.evaluation.ablation import ABLATIONS, ablate
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


def drc(*arguments: str) -> None:
    _load(arguments[0]).main(list(arguments[1:]), standalone_mode=False)


def test_every_row_changes_what_it_says(tiny_overrides: list[str]) -> None:
    full = load_config("edge-32", tiny_overrides)
    changed = {}
    for name, row in ABLATIONS.items():
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


def test_all_rows_are_learned_and_measured_as_one_table(
    data: Path, tmp_path: Path, tiny_overrides: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [item for override in (*tiny_overrides, "sampler.cold_steps=2") for item in ("--set", override)]
    out = tmp_path / "out"
    drc(
        "train",
        str(data),
        "--ablation",
        "all",
        "--out",
        str(out),
        "--preset",
        "edge-32",
        "--iterations",
        "1",
        *settings,
    )
    table = capsys.readouterr().out
    assert table == (out / "table.md").read_text()
    assert table.splitlines()[0] == (
        "| model | training chains IoU | training chains Dice | from noise IoU | from noise Dice |"
    )
    for row in ABLATIONS.values():
        assert f"| {row.title}, responsibility |" in table and f"| {row.title}, mixture |" in table
    values = json.loads((out / "table.json").read_text())
    assert len(values["cells"]) == 2 * 2 * len(ABLATIONS) and values["seeds"] == [0] and values["machine"]
    images = {cell["data"]: cell["figures"]["images"] for cell in values["cells"]}
    assert images == {"training chains": 5, "from noise": 3}
    assert load_model(out / "amortised-0")[1].model.inference == "amortised"
    with pytest.raises(UsageError, match="--resume"):
        ablate(str(data), out, iterations=1)


def test_stopped_and_resumed(
    data: Path, tmp_path: Path, tiny_overrides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run is neither learned nor measured again; the second goes on; settings come from the plan."""
    out, overrides = tmp_path / "out", [*tiny_overrides, "sampler.cold_steps=2"]
    options = {"names": ["short-run", "full"], "preset": "edge-32", "iterations": 2, "overrides": overrides}
    real, learned = ablation.train, []

    def counted(*arguments: object, **keywords: object) -> training.TrainReport:
        learned.append(str(arguments[1]))
        if len(learned) == 2:
            real(*arguments, **keywords | {"iterations": 1})  # as if Ctrl-C had come then
            raise KeyboardInterrupt
        return real(*arguments, **keywords)

    monkeypatch.setattr(ablation, "train", counted)
    with pytest.raises(KeyboardInterrupt):
        ablate(str(data), out, **options)
    assert "short-run chain" in (out / "table.md").read_text() and "full" not in (out / "table.md").read_text()
    measured = (out / "short-run-0" / "measured.json").stat().st_mtime_ns
    report = ablate(str(data), out, resume=True)
    assert [Path(path).name for path in learned] == ["short-run-0", "full-0", "full-0"]
    assert (out / "short-run-0" / "measured.json").stat().st_mtime_ns == measured
    assert {cell.figures["iterations"] for cell in report.cells} == {2.0}
    assert [cell.model for cell in report.cells[::4]] == ["short-run chain", "full model"]
    further = ablate(str(data), out, resume=True, iterations=3, names=["no-orthogonal"])
    assert {cell.figures["iterations"] for cell in further.cells} == {3.0}
    assert ablation._resumed(out, (), (2, 0), None, None).seeds == (0, 2)
    assert json.loads((out / "table.json").read_text())["names"] == ["no-orthogonal", "short-run", "full"]
    with pytest.raises(UsageError, match="leave --preset and --set out"):
        ablate(str(data), out, resume=True, preset="edge-32")


def test_ctrl_c_ends_the_whole_and_leaves_what_was_measured(
    data: Path, tmp_path: Path, tiny_overrides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ablation.train

    def interrupted(source: str, out: Path, **keywords: object) -> training.TrainReport:
        return replace(real(source, out, **keywords), interrupted=out.name == "full-0")

    monkeypatch.setattr(ablation, "train", interrupted)
    settings = [item for override in (*tiny_overrides, "sampler.cold_steps=2") for item in ("--set", override)]
    rows = ["--ablation", "short-run,full", "--preset", "edge-32", "--iterations", "1", *settings]
    command = _load("train")
    code = command.main([str(data), "--out", str(tmp_path / "out"), *rows], standalone_mode=False)
    assert code == 130
    table = (tmp_path / "out" / "table.md").read_text()
    assert "short-run chain" in table and "full model" not in table


def test_seeds_are_averaged_with_their_deviation(data: Path, tmp_path: Path, tiny_overrides: list[str]) -> None:
    overrides = [*tiny_overrides, "sampler.cold_steps=2"]
    report = ablate(
        str(data), tmp_path / "out", names=["full"], seeds=(3, 4), preset="edge-32", iterations=1, overrides=overrides
    )
    single = [json.loads((tmp_path / "out" / f"full-{seed}" / "measured.json").read_text()) for seed in (3, 4)]
    ious = [values["cells"][0]["figures"]["iou"] for values in single]
    assert report.cells[0].figures["iou"] == pytest.approx(np.mean(ious))
    assert report.cells[0].figures["iou_deviation"] == pytest.approx(np.std(ious, ddof=1))
    assert "±" in (tmp_path / "out" / "table.md").read_text()
    assert load_model(tmp_path / "out" / "full-4")[1].train.seed == 4


def test_a_run_that_breaks_does_not_stop_the_others(
    data: Path, tmp_path: Path, tiny_overrides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ablation.train

    def breaking(source: str, out: Path, **keywords: object) -> training.TrainReport:
        if out.name.startswith("short-run"):
            raise TrainingError("iteration 7 has figures that are not finite")
        return real(source, out, **keywords)

    monkeypatch.setattr(ablation, "train", breaking)
    overrides = [*tiny_overrides, "sampler.cold_steps=2"]
    report = ablate(
        str(data), tmp_path / "out", names=["short-run", "full"], preset="edge-32", iterations=1, overrides=overrides
    )
    assert report.failures == {"short-run-0": "iteration 7 has figures that are not finite"}
    assert {cell.model for cell in report.cells} == {"full model"}
    assert "not finite" in (tmp_path / "out" / "table.md").read_text()


def test_what_cannot_be_ablated_says_why(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no ablation 'nothing': choose all, or from amortised"):
        ablate(str(data), tmp_path / "out", names=["nothing"])
    with pytest.raises(TrainingError, match="holds no ablation"):
        ablate(str(data), tmp_path / "out", resume=True)
    with pytest.raises(UsageError, match="not whole numbers"):
        drc("train", str(data), "--ablation", "all", "--out", str(tmp_path / "out"), "--seeds", "0,x")
    with pytest.raises(UsageError, match="--set train.seed=N"):
        drc("train", str(data), "--out", str(tmp_path / "out"), "--seeds", "1")
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "plan.json").write_text("[]")
    with pytest.raises(TrainingError, match="damaged"):
        ablate(str(data), tmp_path / "out", resume=True)
