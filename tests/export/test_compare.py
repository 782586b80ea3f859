"""The comparison: every contender computes the same step, is measured in every round, and one that fails says why."""

import time
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from drc_export import compare as module
from drc_export import contenders
from drc_export.compare import Additions, Comparison, compare
from drc_export.contenders import Subject
from drc_runtime.activity import silent
from drc_runtime.errors import ConfigError, UsageError

NAMES = ["added", "PyTorch eager", "PyTorch compiled", "TorchScript", "onnxruntime", "OpenVINO"]
WORK: list[str] = []


@pytest.fixture(scope="module")
def comparison(run: Path, bundle: Path) -> Comparison:
    with pytest.MonkeyPatch.context() as patch:
        # The compiler takes longer than all the rest: the traced step runs as it is.
        patch.setattr(torch, "compile", lambda function: function)
        patch.setattr(contenders, "_openvino", _absent)
        patch.setattr(module, "to_onnx", lambda graph, _: (bundle / f"{graph.name}.onnx").read_bytes())
        return compare(str(run), rounds=3, threads=1, additions=_additions)


def _absent(*_: object) -> None:
    raise ModuleNotFoundError("No module named 'openvino'\nand more")


def _additions(subject: Subject) -> Additions:
    return Additions({"added": lambda: subject.eager}, {"work": lambda: WORK.append(subject.graph.name)})


def test_every_contender_computes_the_same_step(comparison: Comparison) -> None:
    assert [it.name for it in comparison.contenders] == NAMES
    for it in comparison.contenders[:-1]:
        assert it.latency is not None and 0 < it.latency.p50 <= it.latency.p95 <= it.latency.p99
        assert it.difference is not None and it.difference < 1e-3
    absent = comparison.contenders[-1]
    assert absent.latency is None and absent.problem == "No module named 'openvino'"


def test_the_figures_belong_together(comparison: Comparison) -> None:
    assert comparison.weights == "trained" and comparison.image_size == 16 and comparison.rounds == 3
    latency = {it.name: it.latency.p50 for it in comparison.contenders if it.latency}
    assert comparison.speedup == pytest.approx(latency["added"] / latency["onnxruntime"])
    assert WORK == ["posterior_step"] * (3 + module.WARM_UP) and comparison.workloads.keys() == {"work"}
    assert asdict(comparison)["workloads"]["work"].keys() == {"p50", "p95", "p99"}


def test_a_contender_that_computes_something_else_shows() -> None:
    start = torch.zeros(1, 2).numpy()
    makers = {"one": lambda: lambda: start + 1, "other": lambda: lambda: start + 1.5}
    made = module._make(makers, start)[1]
    assert [it.difference for it in made] == [0, pytest.approx(0.5)]


def test_every_round_runs_all(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(module, "WARM_UP", 1)
    found = module._measure(
        {"a": lambda: order.append("a"), "b": lambda: (order.append("b"), time.sleep(0.01))}, 2, silent
    )
    assert order == ["a", "b"] * 3
    assert found["b"].p50 >= 10, "milliseconds"


def test_what_cannot_be_compared(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a run keeps the configuration"):
        compare(str(run), overrides=["model.upsampling=bilinear"])
    with pytest.raises(ConfigError, match=r"model\.upsampling"):
        compare("edge-32", overrides=["model.upsampling=cubic"])
    with pytest.raises(UsageError, match="neither a run of drc train nor a preset"):
        compare(str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match="0 rounds"):
        compare("edge-32", rounds=0)
