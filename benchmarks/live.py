"""A camera on loopback through the bundled model: frames per second, age from capture to output, memory over time.

    python benchmarks/live.py --minutes 10

A second process serves 1280x720 at 30 frames/s as Motion JPEG. Each frame carries the time it was sent as a row of black
and white blocks. The output reads this time from the composed frame, so the age is end to end, network and decoder
included. The result goes to benchmarks/results/live.json.
"""

import argparse
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drc_runtime.frames import Frame, Sink  # noqa: E402
from drc_runtime.images import Image  # noqa: E402
from drc_runtime.machine import machine_name  # noqa: E402
from drc_runtime.pipeline import run as run_module  # noqa: E402
from drc_runtime.pipeline.options import Callbacks, ModelOptions, OutputOptions, WatchOptions  # noqa: E402
from drc_runtime.samples import sample_path  # noqa: E402
from drc_runtime.sources.open import open_source  # noqa: E402
from drc_runtime.views.compose import overlay  # noqa: E402
from tests.mjpeg_server import MJPEGServer  # noqa: E402

WIDTH, HEIGHT, RATE = 1280, 720, 30
BLOCK, BITS = 16, 40  # the time in milliseconds, modulo 2^40, as blocks that JPEG cannot blur


def now() -> int:
    return int(time.time() * 1000) % (1 << BITS)


def stamp(image: np.ndarray) -> np.ndarray:
    time_bits = now()
    for bit in range(BITS):
        image[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255 * (time_bits >> bit & 1)
    return image


def read_stamp(image: Image) -> int:
    row = image[BLOCK // 2, BLOCK // 2 : BITS * BLOCK : BLOCK].mean(axis=1)
    return sum(1 << bit for bit in range(BITS) if row[bit] > 127)


def serve(port: "multiprocessing.Queue[int]") -> None:
    with open_source(str(sample_path("scene"))) as source:
        frames = [frame.image for frame, _ in zip(source, range(90), strict=False)]
    images = [cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), (WIDTH, HEIGHT)) for frame in frames]
    with MJPEGServer(lambda index: stamp(images[index % len(images)].copy()), rate=RATE) as server:
        port.put(server.port)
        threading.Event().wait()


class StampSink(Sink):
    """Composes the overlay, as a window would, and takes the age of what it shows."""

    def __init__(self) -> None:
        self.ages: list[int] = []

    def write(self, frame: Frame, extraction) -> None:
        overlay(frame.image, extraction.probability)
        self.ages.append((now() - read_stamp(frame.image)) % (1 << BITS))

    def close(self) -> None:
        pass

    def discard(self) -> None:
        pass


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "live.json")
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    port: multiprocessing.Queue[int] = context.Queue()
    server = context.Process(target=serve, args=(port,), daemon=True)
    server.start()
    sink = StampSink()
    memory: list[list[float]] = []
    begun: list[float] = []

    def progress(done: int, total: int | None) -> None:
        if not begun:
            begun.append(time.monotonic())
        seconds = time.monotonic() - begun[0]
        if len(memory) * 5 <= seconds:
            memory.append([round(seconds, 1), round(resident_megabytes(), 2)])
        if seconds > arguments.minutes * 60:
            signal.raise_signal(signal.SIGINT)

    run_module.open_sinks = lambda *_, **__: [sink]
    address = f"http://127.0.0.1:{port.get(timeout=60)}/stream.mjpg"
    # the folder stands for an output, so that the run does not ask for one; the sink above takes its place
    report = run_module.run(
        address,
        model=ModelOptions(arguments.model, steps=arguments.steps),
        outputs=OutputOptions(masks=Path("/nonexistent")),
        watch=WatchOptions(display=False),
        callbacks=Callbacks(progress),
    )
    seconds = time.monotonic() - begun[0]
    p50, p95, p99 = np.percentile(sink.ages, [50, 95, 99])
    result = {
        "machine": machine_name(),
        "image": [HEIGHT, WIDTH],
        "rate": RATE,
        "steps": report.steps,
        "seconds": round(seconds, 1),
        "frames": report.frames,
        "frames_per_second": round(report.frames / seconds, 2),
        "dropped": report.dropped,
        "reconnects": report.reconnects,
        "age_ms": {"p50": float(p50), "p95": float(p95), "p99": float(p99)},
        "frame_to_mask_ms": {"p50": report.milliseconds_p50, "p95": report.milliseconds_p95},
        "resident_megabytes": memory,
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({key: value for key, value in result.items() if key != "resident_megabytes"}, indent=1))


if __name__ == "__main__":
    main()
