"""The measuring itself: every figure is there, is of the frames asked for, and is what the clock says."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime import bench as bench_module
from drc_runtime.bench import bench
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.errors import BundleError, SourceError, UsageError
from drc_runtime.inference.tracking import Track

WARM_UP = 2


class Clock:
    """Stands still but for what the test adds; in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clip(make_video: Callable[..., Path]) -> Path:
    return make_video("clip.avi", 4)


@pytest.fixture(autouse=True)
def short_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "_WARM_UP", WARM_UP)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock by which tracking a frame takes 20, 21, 22 ... ms and drawing its overlay 5 ms."""
    clock = Clock()
    frames: list[tuple[int, ...]] = []
    track, draw = Track.step, bench_module.overlay

    def step(self: Track, image: np.ndarray) -> object:
        clock.now += (20 + len(frames)) / 1000
        frames.append(image.shape)
        return track(self, image)

    def overlay(*arguments: object) -> object:
        clock.now += 0.005
        return draw(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(bench_module, "time", clock)
    monkeypatch.setattr(Track, "step", step)
    monkeypatch.setattr(bench_module, "overlay", overlay)
    clock.frames = frames  # type: ignore[attr-defined]
    return clock


def test_figures_are_those_of_the_clock_without_the_warm_up(toy_bundle: Path, clip: Path, clock: Clock) -> None:
    report = bench(toy_bundle, clip=clip, frames=3, threads=1)
    assert clock.frames == [(720, 1280, 3)] * (WARM_UP + 3)  # type: ignore[attr-defined]
    assert list(report.latencies) == ["step", "frame", "end to end", "OpenCV MOG2", "OpenCV KNN"]
    frame, whole, step = (report.latencies[name] for name in ("frame", "end to end", "step"))
    assert frame.p50 == pytest.approx(23) and 23 < frame.p95 < frame.p99 < 24  # of 22, 23 and 24 ms
    assert whole.p50 == pytest.approx(28)
    assert step.p50 == 0  # neither tracking nor drawing is counted as the step


def test_a_step_is_one_run_of_the_bundle_s_graph(
    toy_bundle: Path, clip: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind = OnnxRuntimeEngine.bind

    def slow_bind(self: OnnxRuntimeEngine, *arguments: object) -> object:
        step = bind(self, *arguments)  # type: ignore[arg-type]
        run = step.run

        def slow_run() -> object:
            clock.now += 0.001
            return run()

        step.run = slow_run  # type: ignore[method-assign]
        return step

    monkeypatch.setattr(OnnxRuntimeEngine, "bind", slow_bind)
    assert bench(toy_bundle, clip=clip, frames=1, threads=1).latencies["step"].p50 == pytest.approx(1)


def test_the_report_says_what_was_measured(toy_bundle: Path, clip: Path) -> None:
    threads = cv2.getNumThreads()
    report = bench(toy_bundle, clip=clip, frames=1, threads=1)
    assert cv2.getNumThreads() == threads  # the process is left as it was
    assert (report.frames, report.threads, report.track_steps, report.bundle) == (1, 1, 2, "toy")
    assert (report.image_size, report.frame_size) == ((8, 12), (720, 1280))
    assert (report.engine, report.precision) == ("onnxruntime", "fp32") and report.machine
    assert report.versions["opencv"] == cv2.__version__
    for latency in report.latencies.values():
        assert 0 < latency.p50 <= latency.p95 <= latency.p99


def test_progress_counts_the_frames_of_both_measurements(toy_bundle: Path, clip: Path) -> None:
    said: list[tuple[str, int, int | None]] = []
    bench(
        toy_bundle,
        clip=clip,
        frames=1,
        threads=1,
        progress=lambda phase, done=0, total=None: said.append((phase, done, total)),
    )
    assert said == [
        ("loading the bundle", 0, None),
        *(("measuring the bundle", done, WARM_UP + 1) for done in range(WARM_UP + 1)),
        *(("measuring OpenCV's subtractors", done, WARM_UP + 1) for done in range(WARM_UP + 1)),
    ]


def test_what_cannot_be_measured(toy_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 frames"):
        bench(toy_bundle, frames=0)
    with pytest.raises(SourceError):
        bench(toy_bundle, clip=tmp_path / "missing.avi", frames=1)
    with pytest.raises(BundleError):
        bench(tmp_path, frames=1)
