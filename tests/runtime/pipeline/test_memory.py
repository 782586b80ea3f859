"""Resident memory stays flat over many frames, and the same check finds a sink that leaks."""

import os
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.frames import Frame, Sink, Source
from drc_runtime.inference.extractor import Extractor
from drc_runtime.pipeline.frame_extractor import FrameExtractor
from drc_runtime.pipeline.loop import process
from drc_runtime.sinks.background_writer import BackgroundWriter
from drc_runtime.sinks.log import LogSink, RunLog
from drc_runtime.sinks.open import open_sinks
from drc_runtime.sinks.statistics import RunStatistics
from drc_runtime.views.controls import Controls
from drc_runtime.views.views import Views

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
    """Keeps every image, sixteen times: what other tests have freed would hold nine megabytes more without growing."""

    def __init__(self) -> None:
        self.kept: list[np.ndarray] = []

    def write(self, frame: Frame, extraction: object) -> None:
        self.kept.append(np.tile(frame.image, (16, 1, 1)))

    def close(self) -> None:
        pass

    def discard(self) -> None:
        pass


def growth(frames: int, bundle: Path, folder: Path, *more: Sink) -> float:
    """Megabytes in a thousand frames: the slope of a line through the resident memory after a third of the frames."""
    memory: list[tuple[int, float]] = []

    def note(done: int, total: int | None) -> None:
        if done % EVERY == 0:
            memory.append((done, resident_megabytes()))

    folder.mkdir()
    source, controls = Endless(frames), Controls()
    frame_extractor = FrameExtractor(Extractor(bundle, threads=1), source, controls)
    statistics = RunStatistics(source, frame_extractor.failures)
    with Views("overlay", controls) as views, closing(RunLog(folder / "log.jsonl")) as log:
        files = open_sinks(source, views, controls, out=folder / "out.mp4", masks=None)
        with BackgroundWriter([*files, LogSink(log, source), statistics, *more]) as writer:
            process(source, frame_extractor.extract, writer, controls, progress=note)
    assert statistics.figures().frames == frames
    warm = [point for point in memory if point[0] > frames / 3]
    return 1000 * float(np.polyfit(*zip(*warm, strict=True), 1)[0])


def test_memory_is_flat_and_a_leak_is_found(toy_bundle: Path, tmp_path: Path) -> None:
    flat = growth(1500, toy_bundle, tmp_path / "flat")
    leaking = growth(1500, toy_bundle, tmp_path / "leaking", Leak())
    assert flat < MEGABYTES_IN_A_THOUSAND_FRAMES < leaking


@pytest.mark.slow
def test_memory_is_flat_over_ten_thousand_frames(toy_bundle: Path, tmp_path: Path) -> None:
    assert growth(10_000, toy_bundle, tmp_path / "flat") < MEGABYTES_IN_A_THOUSAND_FRAMES
