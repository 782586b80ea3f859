"""``drc reproduce`` as it is typed; what it learns is tested in tests/train/evaluation/test_reproduce.py."""

import json
from pathlib import Path
from typing import Any

import pytest

from drc_train.cli.reproduce import reproduce
from drc_train.evaluation import reproduce as module
from drc_train.evaluation.paper_tables import TABLES
from drc_train.evaluation.reproduce import Reproduction, ReproductionOptions
from drc_train.evaluation.reproduction_table import Result


class Reproductions:
    """Stands in for ``reproduce``: keeps what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.interrupted, self.failure = False, ""

    def __call__(self, table: str, out: Path, options: ReproductionOptions) -> Reproduction:
        self.calls.append((table, out, options))
        results = [Result(row, failure=self.failure) for row in TABLES[table]]
        return Reproduction(table, out, options, results, self.interrupted)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Reproductions:
    found = Reproductions()
    monkeypatch.setattr(module, "reproduce", found)
    return found


def test_every_option_reaches_the_function(tmp_path: Path, typed, calls: Reproductions) -> None:
    given = ["--out", "mine", "--protocol", "released", "--seeds", "3", "--tiny"]
    typed(reproduce, "table4", "--data", tmp_path, *given)
    typed(reproduce, "table1")
    typed(reproduce, "table1", "--tiny")
    assert calls.calls == [
        ("table4", Path("mine"), ReproductionOptions(tmp_path, "released", 3, True)),
        ("table1", Path("reproduction"), ReproductionOptions()),
        ("table1", Path("reproduction-tiny"), ReproductionOptions(tiny=True)),
    ]


def test_the_table_as_text_and_as_one_object(typed, calls: Reproductions, capsys: pytest.CaptureFixture[str]) -> None:
    assert not typed(reproduce, "table2")
    printed = capsys.readouterr()
    assert (
        printed.out.startswith("# The paper's Table 2, protocol paper")
        and "| Birds, full model | 56.4 |" in printed.out
    )
    assert printed.err == "reproduction/table2.md\n"
    typed(reproduce, "table2", "--json")
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert rows[-1]["row"] == "Birds, full model" and rows[-1]["paper"] == {"iou": 56.4, "dice": 70.9}


def test_exit_codes(typed, calls: Reproductions, capsys: pytest.CaptureFixture[str]) -> None:
    calls.interrupted = True
    assert typed(reproduce, "table2") == 130
    calls.interrupted, calls.failure = False, "not finite"
    capsys.readouterr()
    assert typed(reproduce, "table1") == 1
    assert "drc: Birds: not finite\n" in capsys.readouterr().err
