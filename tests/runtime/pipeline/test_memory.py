"""Resident memory stays flat over many frames, and the same check finds a sink that leaks."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.frames import Frame, Sink, Source
from drc_runtime.pipeline import run as run_module
from drc_runtime.pipeline.run import run

MEGABYTES_IN_A_THOUSAND_FRAMES = 1.0
EVERY = 50


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Endless(Source):
    """``count`` frames (48, 64) with a moving square, each an image of its own as from a decoder."""

    live, dropped = False, 0
    rate: Fraction | None = Fraction(25)

    def __init__(self, count: int) -> None:
        self.count, self.paths, self.failures = count, frozenset(), []

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            image = np.zeros((48, 64, 3), np.uint8)
            image[16:32, index % 48 : index % 48 + 16] = 255
            yield Frame(image, index, index / 25, f"{index % 100:05d}")

    def close(self) -> None:
        pass


class Leak(Sink):
    """Keeps every image."""

    def __init__(self) -> None:
        self.kept: list[np.ndarray] = []

    def write(self, frame: Frame, extraction: object) -> None:
        self.kept.append(frame.image)

    def close(self) -> None:
        pass

    def discard(self) -> None:
        pass


def growth(frames: int, bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, *sinks: Sink) -> float:
    """Megabytes in a thousand frames: the slope of a line through the resident memory after a third of the frames."""
    memory: list[tuple[int, float]] = []

    def note(done: int, total: int | None) -> None:
        if done % EVERY == 0:
            memory.append((done, resident_megabytes()))

    real = run_module.open_sinks
    monkeypatch.setattr(run_module, "open_source", lambda *_, **__: Endless(frames))
    monkeypatch.setattr(run_module, "open_sinks", lambda *given, **options: [*real(*given, **options), *sinks])
    options = {"out": folder / "out.mp4", "log": folder / "log.jsonl", "display": False, "threads": 1, "progress": note}
    assert run("a clip", model=bundle, **options).frames == frames
    warm = [point for point in memory if point[0] > frames / 3]
    return 1000 * float(np.polyfit(*zip(*warm, strict=True), 1)[0])


def test_memory_is_flat_and_a_leak_is_found(toy_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        flat = growth(1500, toy_bundle, tmp_path, patched)
    (tmp_path / "out.mp4").unlink()
    leaking = growth(1500, toy_bundle, tmp_path, monkeypatch, Leak())
    assert flat < MEGABYTES_IN_A_THOUSAND_FRAMES < leaking


@pytest.mark.slow
def test_memory_is_flat_over_ten_thousand_frames(toy_bundle: Path, tmp_path: Path, monkeypatch) -> None:
    assert growth(10_000, toy_bundle, tmp_path, monkeypatch) < MEGABYTES_IN_A_THOUSAND_FRAMES
