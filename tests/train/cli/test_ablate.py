"""``drc ablate`` as it is typed; what it learns is tested in tests/train/evaluation/test_ablation.py."""

import json
from pathlib import Path
from typing import Any

import pytest

from drc_runtime.errors import UsageError
from drc_train.cli.ablate import ablate
from drc_train.evaluation import ablation as module
from drc_train.evaluation.ablation import AblationReport
from drc_train.evaluation.ablation_plan import ROWS, AblationOptions, new_plan
from drc_train.evaluation.tables import Cell


class Ablations:
    """Stands in for ``ablate``: keeps what it is called with and answers with a report."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.result: dict[str, Any] = {}

    def __call__(self, source: str, out: Path, options: AblationOptions, *, resume: bool) -> AblationReport:
        self.calls.append((source, out, options, resume))
        cells = [Cell("full model", "mixture", "from noise", {"iou": 0.5, "dice": 0.6})]
        report = AblationReport(out, new_plan(source, out, options), cells, **self.result)
        report.write()
        return report


@pytest.fixture
def ablations(monkeypatch: pytest.MonkeyPatch) -> Ablations:
    calls = Ablations()
    monkeypatch.setattr(module, "ablate", calls)
    return calls


def test_every_option_reaches_the_function(tmp_path: Path, typed, ablations: Ablations) -> None:
    given = ["--rows", "short-run,full", "--seeds", "0,2", "--preset", "edge-32", "--iterations", "7", "--minutes", "2"]
    typed(ablate, "data", "--out", tmp_path, *given, "--set", "train.seed=1", "--set", "train.mirror=true", "--resume")
    options = AblationOptions(["short-run", "full"], [0, 2], "edge-32", ["train.seed=1", "train.mirror=true"], 7, 2.0)
    assert ablations.calls == [("data", tmp_path, options, True)]


@pytest.mark.parametrize(("given", "rows"), [([], []), (["--rows", "all"], list(ROWS))])
def test_all_rows(tmp_path: Path, typed, ablations: Ablations, given: list[str], rows: list[str]) -> None:
    typed(ablate, "data", "--out", tmp_path, *given)
    assert list(ablations.calls[0][2].rows) == rows and ablations.calls[0][3] is False


def test_the_table_as_text_and_as_one_object(
    tmp_path: Path, typed, ablations: Ablations, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not typed(ablate, "data", "--out", tmp_path)
    assert capsys.readouterr().out == (tmp_path / "table.md").read_text()
    typed(ablate, "data", "--out", tmp_path, "--json")
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "table.json").read_text())
    assert printed["cells"][0]["figures"]["iou"] == 0.5


@pytest.mark.parametrize(
    ("result", "code"),
    [
        ({"failures": {"full-0": "not finite"}}, 1),
        ({"collapsed": {"full-0": "no foreground"}}, 0),
        ({"interrupted": True}, 130),
    ],
)
def test_exit_codes(
    tmp_path: Path, typed, ablations: Ablations, capsys: pytest.CaptureFixture[str], result: dict[str, Any], code: int
) -> None:
    ablations.result = result
    assert (typed(ablate, "data", "--out", tmp_path) or 0) == code
    problems = [text for value in result.values() if isinstance(value, dict) for text in value.values()]
    assert capsys.readouterr().err == "".join(f"drc: full-0: {text}\n" for text in problems)


def test_seeds_are_whole_numbers(tmp_path: Path, typed, ablations: Ablations) -> None:
    for seeds in ("0,x", "1.5", "0,,1", "-1"):
        with pytest.raises(UsageError, match="not whole numbers"):
            typed(ablate, "data", "--out", tmp_path, f"--seeds={seeds}")
    assert not ablations.calls
