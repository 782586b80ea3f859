"""``drc compare``: what it prints, and what it says without PyTorch."""

import json
import sys

import pytest

from drc_export import compare as module
from drc_export.compare import Comparison, Contender
from drc_runtime.activity import Activity
from drc_runtime.bench import Latency
from drc_runtime.packages import install_command
from tests.export.conftest import Drc

MEASURED = [
    Contender("PyTorch eager", Latency(3.5, 4.0, 5.0), 0.0, 20.0),
    Contender("onnxruntime", Latency(1.0, 2.0, 3.0), 1e-6, 12.0),
    Contender("OpenVINO", None, problem="No module named 'openvino'"),
]
COMPARISON = Comparison("cpu", (0.1, 0.2), {}, "edge-64", "random", 64, 2, 9, 3.5, MEASURED, {})


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, object]]]:
    calls: list[tuple[str, dict[str, object]]] = []

    def compare(model: str, **options: object) -> Comparison:
        assert isinstance(options.pop("progress"), Activity)
        calls.append((model, options))
        return COMPARISON

    monkeypatch.setattr(module, "compare", compare)
    return calls


def test_the_contenders_are_columns(given: list[object], drc: Drc) -> None:
    code, out, _ = drc("compare", "edge-64")
    lines = [line.split() for line in out.splitlines()]
    assert code == 0 and "onnxruntime is 3.5 times as fast as PyTorch eager" in out
    assert ["onnxruntime", "1.00", "2.00", "3.00", "1e-06", "12"] in lines
    assert ["OpenVINO", "-", "-", "-", "-", "No", "module", "named", "'openvino'"] in lines


def test_json_is_one_object(given: list[object], drc: Drc) -> None:
    _, out, _ = drc("compare", "edge-64", "--json")
    found = json.loads(out)
    assert out.startswith('{\n  "machine": "cpu"') and found["contenders"][1]["latency"]["p99"] == 3.0


def test_every_option_is_handed_on(given: list[tuple[str, dict[str, object]]], drc: Drc) -> None:
    drc("compare", "edge-64")
    drc("compare", "birds", "--set", "a=1", "--set", "b=2", "--rounds", "3", "--threads", "1", "--seed", "7")
    assert given == [
        ("edge-64", {"overrides": (), "rounds": 50, "threads": None, "seed": 0}),
        ("birds", {"overrides": ["a=1", "b=2"], "rounds": 3, "threads": 1, "seed": 7}),
    ]


def test_a_model_is_needed(given: list[object], drc: Drc) -> None:
    code, _, err = drc("compare")
    assert code == 2 and "MODEL" in err and given == []


def test_without_pytorch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, drc: Drc) -> None:
    monkeypatch.delitem(sys.modules, "drc_export.compare")
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, err = drc("compare", "edge-64")
    assert code == 1 and install_command("export") in err
