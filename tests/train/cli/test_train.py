"""``drc train``: its options reach ``train()``, its result is printed, and its exit code says how it ended."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from drc_runtime.errors import UsageError
from drc_train import Recipe, Reporting, TrainReport
from drc_train.cli.train import train as command
from drc_train.training import train as module

REPORT = TrainReport(Path("run"), "edge-32", 6, 40, 90.0, {"foreground_share": 0.25}, None, 2, 30, False)
Drc = Callable[..., Any]


@pytest.fixture
def drc() -> Drc:
    app = typer.Typer()
    app.command("train")(command)
    return lambda *arguments: get_command(app).main(list(arguments), standalone_mode=False)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[object, ...], dict[str, object]]]:
    """What ``train()`` was called with; it returns REPORT."""
    received: list[tuple[tuple[object, ...], dict[str, object]]] = []

    def train(*arguments: object, **options: object) -> TrainReport:
        received.append((arguments, options))
        return REPORT

    monkeypatch.setattr(module, "train", train)
    return received


def returning(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    monkeypatch.setattr(module, "train", lambda *_, **__: replace(REPORT, **changes))  # type: ignore[arg-type]


def test_every_option_reaches_the_function(drc: Drc, calls: list[Any]) -> None:
    settings = ["--set", "train.seed=1", "--set", "train.batch_size=4", "--preset", "edge-32"]
    limits = ["--iterations", "40", "--minutes", "1.5"]
    drc("images", "--out", "run", *settings, *limits, "--resume", "--skip-unreadable", "--profile")
    assert calls == [
        (
            ("images", Path("run")),
            {
                "recipe": Recipe("edge-32", ("train.seed=1", "train.batch_size=4")),
                "iterations": 40,
                "minutes": 1.5,
                "resume": True,
                "skip_unreadable": True,
                "reporting": Reporting(profile=True),
            },
        )
    ]


def test_without_options_the_function_s_own_defaults_hold(drc: Drc, calls: list[Any]) -> None:
    drc("clip.mp4", "--out", "run")
    (_, options) = calls[0]
    assert options == {
        "recipe": Recipe(),
        "iterations": None,
        "minutes": None,
        "resume": False,
        "skip_unreadable": False,
        "reporting": Reporting(),
    }


def test_the_result_names_the_next_step(drc: Drc, calls: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert not drc("images", "--out", "run")
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        "run: iteration 40, 1.5 minutes of training",
        "look: run/report.html",
        "next: drc export run --out BUNDLE",
    ]
    assert shown.err == ""


def test_json_is_one_object(drc: Drc, calls: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    drc("images", "--out", "run", "--json")
    values = json.loads(capsys.readouterr().out)
    assert (values["out"], values["iterations"], values["reinitialised"], values["best"]) == ("run", 40, 2, 30)
    assert values.keys() == {field for field in REPORT.__dataclass_fields__}


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({}, None, ""),
        ({"interrupted": True}, 130, ""),
        ({"collapsed": "collapsed: the background explains everything"}, 1, "drc: collapsed: the background"),
        ({"interrupted": True, "collapsed": "collapsed"}, 130, "drc: collapsed"),
    ],
    ids=str,
)
def test_the_exit_code_says_how_it_ended(
    drc: Drc,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
    code: int | None,
    message: str,
) -> None:
    returning(monkeypatch, **changes)
    assert drc("images", "--out", "run") == code
    assert capsys.readouterr().err.startswith(message)


def test_an_interrupted_run_is_told_how_to_continue(
    drc: Drc, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    returning(monkeypatch, interrupted=True)
    drc("my images", "--out", "run")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("run: interrupted, saved at iteration 40, ")
    assert lines[-1] == "next: drc train 'my images' --out run --resume"
    assert not any("export" in line for line in lines)


def test_only_the_first_process_prints(
    drc: Drc, calls: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    drc("images", "--out", "run")
    assert len(calls) == 1 and capsys.readouterr().out == ""


def test_the_function_s_refusals_come_through(drc: Drc, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave out --resume"):
        drc("tm-dsprites:9", "--out", str(tmp_path), "--resume", "--preset", "edge-32")
    with pytest.raises(UsageError, match="--skip-unreadable has no effect"):
        drc("tm-dsprites:9", "--out", str(tmp_path), "--skip-unreadable")


@pytest.mark.parametrize("option", ["--watch", "--ablation=all", "--seeds=0,1"])
def test_options_that_are_other_commands_or_gone(drc: Drc, option: str) -> None:
    with pytest.raises(typer.TyperException, match="No such option"):
        drc("images", "--out", "run", option)
