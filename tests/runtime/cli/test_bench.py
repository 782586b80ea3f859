"""``drc bench``: its options reach the measurement, which is printed as rows or as JSON."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from drc_runtime import bench
from drc_runtime.activity import Activity
from drc_runtime.bench import BenchReport, Latency

Drc = Callable[..., tuple[int, str, str]]
REPORT = BenchReport(
    machine="a machine",
    versions={"drc": "1"},
    bundle="toy",
    image_size=(8, 12),
    frame_size=(720, 1280),
    track_steps=2,
    threads=1,
    frames=3,
    engine="onnxruntime",
    precision="fp32",
    latencies={"step": Latency(1, 2, 3), "OpenCV KNN": Latency(4, 5, 6.789)},
)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the command gave to a measurement that measures nothing."""
    given: dict[str, object] = {}

    def fake(bundle: Path | None, **options: object) -> BenchReport:
        assert isinstance(options.pop("progress"), Activity)
        given.update(options, bundle=bundle)
        return REPORT

    monkeypatch.setattr(bench, "bench", fake)
    return given


def test_json(drc: Drc, given: dict[str, object]) -> None:
    code, out, _ = drc("bench", "mine", "--threads", "1", "--engine", "torchscript", "--precision", "fp16", "--json")
    assert code == 0 and json.loads(out) == json.loads(json.dumps(asdict(REPORT)))
    assert given == {"bundle": Path("mine"), "threads": 1, "engine": "torchscript", "precision": "fp16"}


def test_rows(drc: Drc, given: dict[str, object]) -> None:
    code, out, err = drc("bench")
    assert (code, err) == (0, "")
    assert given == {"bundle": None, "threads": None, "engine": "onnxruntime", "precision": "fp32"}
    rows = [line.split() for line in out.splitlines()]
    assert ["machine", "a", "machine"] in rows and "1280 x 720" in out
    assert ["milliseconds", "p50", "p95", "p99"] in rows and ["OpenCV", "KNN", "4.00", "5.00", "6.79"] in rows
