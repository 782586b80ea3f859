"""The paper's tables at a size that two cores learn in seconds."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drc_runtime.errors import SourceError, TrainingError, UsageError
from drc_train.evaluation import reproduce as module
from drc_train.evaluation.reproduce import Reproduction, ReproductionOptions, reproduce
from drc_train.training import to_the_end
from drc_train.training.checkpoint import read_state
from drc_train.training.train import TrainReport
from tests.train.conftest import TINY


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, uncompiled: None) -> None:
    """Encoders, which spare the seconds that tracing the chains' steps takes; two iterations."""
    amortised = ("model.inference=amortised", "train.pseudo_label_weight=0", "sampler.cold_steps=2")
    monkeypatch.setattr(module, "TINY", (*TINY, *amortised, "train.iterations=2"))
    for name, value in (("TINY_IMAGES", 6), ("TINY_MEASURED", 2), ("TINY_ITERATIONS", 2)):
        monkeypatch.setattr(module, name, value)


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The folder and the source of every call of ``train``."""
    real, calls = to_the_end.train, []

    def counted(source: str, out: Path, **keywords: Any) -> TrainReport:
        calls.append((out.name, source))
        return real(source, out, **keywords)

    monkeypatch.setattr(to_the_end, "train", counted)
    return calls


def tiny(table: str, out: Path, **options: Any) -> Reproduction:
    return reproduce(table, out, ReproductionOptions(tiny=True, **options))


def test_what_is_here_is_learned_and_measured_and_what_is_not_says_how_to_get_it(
    birds: Path, tmp_path: Path, quick: None, learned: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not tiny, but for the settings: only what lies in the folder is taken."""
    (tmp_path / "sets").mkdir()
    birds.rename(tmp_path / "sets" / "birds-split")
    monkeypatch.setattr(module, "protocol_overrides", lambda protocol, preset: (*module.TINY, module.TINY_REASSIGNMENT))
    found = reproduce("table3", tmp_path / "out", ReproductionOptions(tmp_path / "sets"))
    split = tmp_path / "sets" / "birds-split"
    assert learned == [("birds-split-full-0", str(split / "train"))]
    rows = {result.row.title: result for result in found.results}
    assert rows["Birds, train"].data == str(split / "train") and rows["Birds, test"].data == str(split / "test")
    assert rows["Birds, train"].figures and rows["Birds, train"].figures["mixture"]["images"] == 2
    assert rows["Birds, test"].iterations == 2 and rows["GrabCut on Birds, test"].figures
    assert rows["Dogs, test"].figures is None and "drc data convert dogs DOWNLOAD DIR/dogs-split" in found.text()
    table = (tmp_path / "out" / "table3.md").read_text()
    assert table == found.text() and "| Dogs, test | 72.3 | not here | 83.6 | not here |" in table
    assert "tiny" not in table


def test_with_tiny_sets_that_are_not_here_are_drawn_and_the_table_says_so(
    tmp_path: Path, quick: None, learned: list[tuple[str, str]]
) -> None:
    found = tiny("table4", tmp_path / "out")
    names = ["birds-split-full-0", "dogs-split-full-0", "cars-split-full-0"]
    assert learned == [(name, "tm-dsprites:6") for name in names]  # nine rows, three runs
    assert all(result.data == "tm-dsprites:2" and result.figures for result in found.results)
    assert "no reproduction" in found.text() and len(found.results) == 12
    assert read_state(tmp_path / "out" / names[0]).config.train.iterations == 2


def test_a_second_start_goes_on_and_repeats_nothing(
    tmp_path: Path, quick: None, learned: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, counted = tmp_path / "out", to_the_end.train

    def at_once(*_: object, **__: object) -> TrainReport:
        raise KeyboardInterrupt

    monkeypatch.setattr(to_the_end, "train", at_once)
    assert tiny("table3", out).interrupted and (out / "table3.md").read_text().count("| not yet | ") == 24

    def interrupted(source: str, out: Path, **keywords: Any) -> TrainReport:
        if len(learned) < 2:
            return counted(source, out, **keywords)
        return replace(counted(source, out, **keywords | {"iterations": 1}), interrupted=True)

    monkeypatch.setattr(to_the_end, "train", interrupted)
    first = tiny("table3", out)
    assert first.interrupted and "not yet" in (out / "table3.md").read_text()
    kept = {path: path.stat().st_mtime_ns for path in (out / "results").iterdir()}
    assert {path.name for path in kept} == {
        f"{name}-split-full-0-on-{name}-split-{part}.json" for name in ("birds", "dogs") for part in ("train", "test")
    }
    monkeypatch.setattr(to_the_end, "train", counted)
    second = tiny("table3", out)
    assert [name for name, _ in learned] == [f"{name}-split-full-0" for name in ("birds", "dogs", "cars", "cars")]
    assert read_state(out / "cars-split-full-0").iteration == 2
    assert not second.interrupted and all(result.figures for result in second.results)
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    again = tiny("table3", out)
    assert again.to_json() == second.to_json() and len(learned) == 4
    damaged = out / "results" / "grabcut-on-cars-split-test.json"
    damaged.write_text("{")
    assert tiny("table3", out).text() == second.text() and "figures" in json.loads(damaged.read_text())


def test_seeds_give_means_and_deviations(tmp_path: Path, quick: None, learned: list[tuple[str, str]]) -> None:
    found = tiny("table3", tmp_path / "out", seeds=2)
    assert [name for name, _ in learned[:2]] == ["birds-split-full-0", "birds-split-full-1"]
    first = found.results[0].figures
    values = [
        json.loads((tmp_path / "out" / "results" / f"birds-split-full-{seed}-on-birds-split-train.json").read_text())
        for seed in (0, 1)
    ]
    ious = [each["figures"]["mixture"]["iou"] for each in values]
    assert first and first["mixture"]["iou"] == pytest.approx(sum(ious) / 2)
    assert ious[0] != ious[1] and "±" in found.text()


def test_a_run_that_fails_does_not_stop_the_others(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = to_the_end.train

    def breaking(source: str, out: Path, **keywords: Any) -> TrainReport:
        if out.name.startswith("dogs"):
            raise TrainingError("iteration 7 has figures that are not finite")
        return real(source, out, **keywords)

    monkeypatch.setattr(to_the_end, "train", breaking)
    found = tiny("table3", tmp_path / "out")
    assert [result.failure[:11] for result in found.results] == ["", "", "iteration 7", "iteration 7", *[""] * 8]
    assert "failed" in found.text() and "Dogs, test: iteration 7" in found.text()


def test_two_protocols_or_sizes_do_not_meet_in_one_folder(tmp_path: Path, quick: None) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "reproduction.json").write_text('{"protocol": "paper", "tiny": true}')
    for options in (ReproductionOptions(), ReproductionOptions(protocol="released", tiny=True)):
        with pytest.raises(UsageError, match="another --out"):
            reproduce("table1", tmp_path / "out", options)


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no table 'table5'"):
        reproduce("table5", tmp_path / "out")
    with pytest.raises(UsageError, match="choose paper or released"):
        reproduce("table1", tmp_path / "out", ReproductionOptions(protocol="mine"))
    with pytest.raises(SourceError, match="is not a folder"):
        reproduce("table1", tmp_path / "out", ReproductionOptions(tmp_path / "missing"))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_table_2_is_done_in_minutes(tmp_path: Path) -> None:
    """As typed from a new clone, with the compiler and every row's own chains."""
    command = [sys.executable, "-m", "drc_runtime", "reproduce", "table2", "--tiny"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (tmp_path / "reproduction-tiny" / "table2.md").read_text()
    assert done.stdout.count("| 16 | 20 | tm-dsprites:16 |") == 7
