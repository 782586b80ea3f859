"""``drc batch``: its options reach the batch; its report and its exit code."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from drc_runtime.pipeline import batch
from drc_runtime.pipeline.batch import BatchReport
from drc_runtime.pipeline.options import ModelOptions

Drc = Callable[..., tuple[int, str, str]]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the command gave to a batch that does nothing."""
    given: dict[str, object] = {}

    def fake(source: str, masks: Path, **options: object) -> BatchReport:
        assert callable(options.pop("progress"))
        given.update(options, source=source, masks=masks)
        return BatchReport(items=3, written=2, present=1)

    monkeypatch.setattr(batch, "run_batch", fake, raising=False)
    return given


def test_every_option_is_passed_on(drc: Drc, given: dict[str, object]) -> None:
    options = """
        --masks k --soft --model m --engine torchscript --precision fp16 --mask mixture --steps 5 --seed 7
        --address ray://host:10001 --workers 4
    """
    code, out, err = drc("batch", "images", *options.split(), "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"items": 3, "written": 2, "present": 1, "failures": []}
    assert given == {
        "source": "images",
        "masks": Path("k"),
        "model": ModelOptions(Path("m"), "torchscript", "fp16", "mixture", steps=5, seed=7),
        "soft": True,
        "address": "ray://host:10001",
        "workers": 4,
    }


def test_defaults(drc: Drc, given: dict[str, object]) -> None:
    code, out, _ = drc("batch", "images", "--masks", "k")
    assert code == 0 and "2 into k" in out
    assert (given["model"], given["soft"], given["address"], given["workers"]) == (ModelOptions(), False, "local", None)


def test_a_failed_item_is_exit_1(drc: Drc, monkeypatch: pytest.MonkeyPatch) -> None:
    report = BatchReport(items=1, failures=["bad\x1b.jpg is cut short"])
    monkeypatch.setattr(batch, "run_batch", lambda *arguments, **options: report, raising=False)
    code, _, err = drc("batch", "images", "--masks", "k")
    assert code == 1 and err.endswith(".jpg is cut short\n") and "\x1b" not in err
