"""Latency of a bundle on this machine, beside OpenCV's background subtractors on the same frames."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from drc_runtime.activity import Report, silent
from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import Manifest
from drc_runtime.engines import PROCESSOR, load_engine
from drc_runtime.engines.protocol import Engine
from drc_runtime.errors import UsageError
from drc_runtime.images import Image
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.golden import check_golden
from drc_runtime.machine import available_cores, check_threads, machine_name
from drc_runtime.preprocess import resize
from drc_runtime.samples import sample_bundle, sample_path
from drc_runtime.sources.open import open_source
from drc_runtime.version import __version__
from drc_runtime.views.compose import overlay

FRAME_SIZE = (720, 1280)
_WARM_UP = 10  # rounds that are not counted: page faults, cold caches, the subtractors' first models, the cold start


@dataclass(frozen=True)
class Latency:
    """Percentiles in milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class BenchReport:
    """Latencies, with the machine and the versions that they hold for.

    Attributes:
        machine: processor, cores and system.
        versions: of drc, onnxruntime and OpenCV.
        bundle: the name in its manifest.
        image_size: height and width of the network's input in pixels.
        frame_size: height and width of the frames in pixels.
        track_steps: Langevin steps a frame.
        threads: number that the network and OpenCV could use.
        frames: number of measurements behind each percentile.
        engine: the backend.
        precision: of its convolutions, ``fp32`` or ``fp16``.
        latencies: ``step``: one run of ``posterior_step``; ``frame``: from an image to its mask at the image's size;
            ``end to end``: ``frame`` and drawing the overlay; ``OpenCV MOG2`` and ``OpenCV KNN``: from an image to its mask.
            None of them includes decoding, writing and showing.
    """

    machine: str
    versions: dict[str, str]
    bundle: str
    image_size: tuple[int, int]
    frame_size: tuple[int, int]
    track_steps: int
    threads: int
    frames: int
    engine: str
    precision: str
    latencies: dict[str, Latency]


def bench(
    bundle: Path | None = None,
    *,
    clip: Path | None = None,
    frames: int = 200,
    threads: int | None = None,
    engine: str = "onnxruntime",
    precision: str = "fp32",
    progress: Report = silent,
) -> BenchReport:
    """Measures tracking at 1280 x 720, then background subtraction on the same frames.

    Args:
        bundle: the bundle's folder; the bundled ``scene`` if None.
        clip: a video, repeated as often as needed and scaled to 1280 x 720; the bundled clip if None.
        frames: number of frames to measure, at least 1.
        threads: of the network and of OpenCV; all usable cores if None.
        engine: the backend, see ``drc_runtime.engines.ENGINES``.
        precision: ``fp32``, or ``fp16`` if the bundle has it.
        progress: called before each frame.

    Raises:
        UsageError: ``frames`` is below 1; the engine or precision is unknown.
        MissingDependencyError: the backend's package is not installed.
        SourceError: the clip cannot be read.
        BundleError, EngineError: the bundle cannot be used.
    """
    if frames < 1:
        raise UsageError(f"{frames} frames cannot be measured; use 1 or more")
    loaded = Bundle.load(bundle or sample_bundle("scene")).at_precision(precision)
    clip = clip or sample_path("scene")
    check_threads(threads)
    threads = threads or available_cores()
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        progress("loading the bundle")
        backend = load_engine(engine, loaded, threads)
        if engine != PROCESSOR:
            check_golden(backend, loaded.manifest, engine, loaded.precision != "fp32")
        latencies = _measure_bundle(backend, loaded.manifest, _images(clip, frames, "measuring the bundle", progress))
        latencies |= _measure_subtractors(_images(clip, frames, "measuring OpenCV's subtractors", progress))
    finally:
        cv2.setNumThreads(before)
    manifest = loaded.manifest
    return BenchReport(
        machine=machine_name(),
        versions={"drc": __version__, "onnxruntime": onnxruntime.__version__, "opencv": cv2.__version__},
        bundle=manifest.name,
        image_size=manifest.image_size,
        frame_size=FRAME_SIZE,
        track_steps=manifest.sampler.track_steps,
        threads=threads,
        frames=frames,
        engine=engine,
        precision=precision,
        latencies=latencies,
    )


def _measure_bundle(engine: Engine, manifest: Manifest, images: Iterator[Image]) -> dict[str, Latency]:
    step = engine.bind("posterior_step", ("z_next",))
    track = Extractor.over(engine, manifest).track()
    clock = _Clock()
    for image in images:
        with clock.measure("end to end"):
            with clock.measure("frame"):
                extraction = track.step(image)
            overlay(image, extraction.probability)
        # The inputs still hold the image and the latent of this frame.
        with clock.measure("step"):
            step.run()
    return {name: clock.latency(name) for name in ("step", "frame", "end to end")}


def _measure_subtractors(images: Iterator[Image]) -> dict[str, Latency]:
    """A separate loop, so that the network and the subtractors do not evict each other from the caches."""
    subtractors = {
        "OpenCV MOG2": cv2.createBackgroundSubtractorMOG2(),
        "OpenCV KNN": cv2.createBackgroundSubtractorKNN(),
    }
    clock = _Clock()
    for image in images:
        for name, subtractor in subtractors.items():
            with clock.measure(name):
                subtractor.apply(image)
    return {name: clock.latency(name) for name in subtractors}


class _Clock:
    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._seconds.setdefault(name, []).append(time.perf_counter() - started)

    def latency(self, name: str) -> Latency:
        p50, p95, p99 = np.percentile(self._seconds[name][_WARM_UP:], [50, 95, 99]) * 1000
        return Latency(float(p50), float(p95), float(p99))


def _images(clip: Path, frames: int, phase: str, progress: Report) -> Iterator[Image]:
    """Frames of the clip at ``FRAME_SIZE``, those of the warm-up first."""
    count = frames + _WARM_UP
    with open_source(str(clip)) as source:
        # Held at the clip's own size: one second of 720p takes 70 MB.
        images = [frame.image for frame in islice(source, count)]
    for index, image in enumerate(islice(cycle(images), count)):
        progress(phase, index, count)
        yield resize(image, FRAME_SIZE)
