"""``drc run --learn 10m`` on clips that are played as live streams, beside MOG2 and KNN on the same frames.

    python benchmarks/learn_live.py --set HumanBody2 CLIP [--set ...] [--learn 10m] [--keep DIR]

A second process plays each clip at 25 frames/s as Motion JPEG in a loop; the clip's masks lie beside it. Once the learned
model is live, the subtractors warm up on one pass of the clip, and the next pass is measured, at the clip's own size. All
three get the same frames from the stream's decoder. The stream carries no frame numbers, so the truth of a live frame is
the mask of the most similar frame of the clip. The result goes to benchmarks/results/learn-live.json.
"""

import argparse
import json
import multiprocessing
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drc_runtime.atomic import atomic_write  # noqa: E402
from drc_runtime.frames import Frame, Sink  # noqa: E402
from drc_runtime.images import Image  # noqa: E402
from drc_runtime.machine import machine_name  # noqa: E402
from drc_runtime.pipeline import run as run_module  # noqa: E402
from drc_runtime.pipeline.learn_state import LearnState  # noqa: E402
from drc_runtime.pipeline.options import (  # noqa: E402
    Callbacks,
    LearnOptions,
    OutputOptions,
    WatchOptions,
    parse_duration,
)
from drc_runtime.preprocess import resize  # noqa: E402
from drc_train.data.evaluation import load_evaluation  # noqa: E402
from drc_train.evaluation.baselines import baseline  # noqa: E402
from drc_train.evaluation.metrics import Score  # noqa: E402
from tests.mjpeg_server import MJPEGServer  # noqa: E402

RATE = 25
NEAR = (48, 64)  # height and width at which frames are told apart
LINES_EVERY = 30.0


def serve(clip: str, port: "multiprocessing.Queue[int]") -> None:
    images = [cv2.cvtColor(labelled.image, cv2.COLOR_RGB2BGR) for labelled in load_evaluation(clip)]
    with MJPEGServer(lambda index: images[index % len(images)], rate=RATE) as server:
        port.put(server.port)
        threading.Event().wait()


def thumbnail(image: Image) -> np.ndarray:
    return resize(image, NEAR).astype(np.int16)


class Measured(Sink):
    """Scores the masks of the second pass; the subtractors see both."""

    def __init__(self, clip: str) -> None:
        frames = list(load_evaluation(clip))
        self._truths = [labelled.mask for labelled in frames]
        self._thumbnails = np.stack([thumbnail(labelled.image) for labelled in frames])
        self._subtractors = {name: baseline(name) for name in ("mog2", "knn")}
        self._first: int | None = None
        self.scores = {name: Score() for name in ("drc", *self._subtractors)}
        self.done = threading.Event()

    def write(self, frame: Frame, extraction) -> None:
        masks = {name: segment(frame.image) for name, segment in self._subtractors.items()}
        self._first = frame.index if self._first is None else self._first
        passed = (frame.index - self._first) / len(self._truths)
        if passed >= 2:
            self.done.set()
        if not 1 <= passed < 2:
            return
        differences = np.abs(self._thumbnails - thumbnail(frame.image)).sum((1, 2, 3))
        truth = self._truths[int(differences.argmin())]
        for name, mask in ({"drc": extraction.mask} | masks).items():
            self.scores[name].add(mask, truth)

    def close(self) -> None:
        pass

    def discard(self) -> None:
        pass


def measure(clip: str, seconds: float, keep: Path) -> dict[str, object]:
    context = multiprocessing.get_context("spawn")
    port: multiprocessing.Queue[int] = context.Queue()
    server = context.Process(target=serve, args=(clip, port), daemon=True)
    server.start()
    sink, said = Measured(clip), [0.0]
    run_module.open_sinks = lambda *_, **__: [sink]

    def progress(done: int, total: int | None) -> None:
        if sink.done.is_set():
            signal.raise_signal(signal.SIGINT)

    def learning(state: LearnState) -> None:
        if time.monotonic() - said[0] > LINES_EVERY:
            said[0] = time.monotonic()
            print(state, file=sys.stderr, flush=True)

    def notice(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    address = f"http://127.0.0.1:{port.get(timeout=60)}/stream.mjpg"
    # the folder stands for an output, so that the run does not ask for one; the sink above takes its place
    report = run_module.run(
        address,
        outputs=OutputOptions(masks=Path("/nonexistent")),
        watch=WatchOptions(display=False),
        learn=LearnOptions(seconds, keep),
        callbacks=Callbacks(progress, learning, notice),
    )
    server.terminate()
    assert report.learned is not None
    manifest = json.loads((report.learned / "manifest.json").read_text())
    return {
        "learn_seconds": seconds,
        "first_mask_seconds": report.first_mask_seconds,
        "training": {**manifest["training"], "data": Path(manifest["training"]["data"]).parent.name},
        "steps": report.steps,
        "dropped": report.dropped,
        "milliseconds_p50": report.milliseconds_p50,
        "figures": {name: score.summary() for name, score in sink.scores.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs=2, action="append", metavar=("NAME", "CLIP"), required=True)
    parser.add_argument("--learn", default="10m")
    parser.add_argument("--keep", type=Path, help="keep the recordings, runs and bundles there")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "learn-live.json")
    arguments = parser.parse_args()
    sets = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, clip in arguments.set:
            sets[name] = measure(clip, parse_duration(arguments.learn), (arguments.keep or Path(folder)) / name)
    result = {"machine": machine_name(), "rate": RATE, "learn": arguments.learn, "sets": sets}
    atomic_write(arguments.out, json.dumps(result, indent=1).encode() + b"\n")
    print(f"{'IoU, F1 in percent':20}" + "".join(f"{name:>16}" for name in ("drc", "mog2", "knn")))
    for name, row in sets.items():
        cells = [f"{100 * it['iou']:9.1f}{100 * it['f1']:7.1f}" for it in row["figures"].values()]
        print(f"{name:20}" + "".join(cells))


if __name__ == "__main__":
    main()
