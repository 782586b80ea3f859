"""The measuring itself: every figure is there, is of the frames asked for, and is what a clock outside would say."""

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime import bench as bench_module
from drc_runtime.bench import bench
from drc_runtime.cli import main as cli
from drc_runtime.errors import SourceError, UsageError
from drc_runtime.inference.tracking import Track
from tests.videos import write_video


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.avi", (np.full((48, 64, 3), 40 * level, np.uint8) for level in range(4)))


@pytest.fixture(autouse=True)
def short_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "_WARM_UP", 2)


def test_figures(toy_bundle: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []
    step = Track.step

    def slow_step(self: Track, image: np.ndarray) -> object:
        shapes.append(image.shape)
        time.sleep(0.02)
        return step(self, image)

    monkeypatch.setattr(Track, "step", slow_step)
    threads = cv2.getNumThreads()
    report = bench(toy_bundle, clip=clip, frames=3, threads=1)
    assert cv2.getNumThreads() == threads
    assert (report.frames, report.threads, report.track_steps, report.bundle) == (3, 1, 2, "toy")
    assert list(report.latencies) == ["step", "frame", "end to end", "OpenCV MOG2", "OpenCV KNN"]
    for latency in report.latencies.values():
        assert 0 < latency.p50 <= latency.p95 <= latency.p99
    assert set(shapes) == {(720, 1280, 3)} and len(shapes) > 3  # the warm-up, too
    assert report.latencies["step"].p50 < 20 < report.latencies["frame"].p50 < report.latencies["end to end"].p50


def test_what_cannot_be_measured(toy_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 frames"):
        bench(toy_bundle, frames=0)
    with pytest.raises(SourceError):
        bench(toy_bundle, clip=tmp_path / "missing.avi", frames=1)


def test_command(
    toy_bundle: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "drc_runtime.bench.bench", lambda bundle, **options: bench(bundle, clip=clip, frames=1, **options)
    )
    for arguments in (["--json"], []):
        monkeypatch.setattr(sys, "argv", ["drc", "bench", str(toy_bundle), "--threads", "1", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        assert exit_.value.code == 0
        out = capsys.readouterr().out
        if arguments:
            report = json.loads(out)
            assert report["machine"] and report["latencies"]["frame"]["p95"] > 0 and report["versions"]["onnxruntime"]
        else:
            assert "OpenCV KNN" in out and "p99" in out and "1280 x 720" in out
