"""Two hours of drifting light: F1 of each ten minutes, a thing that stands for ten of them, and memory.

    python benchmarks/two_hours.py --model fixed-camera [--hours 2]

The sample's drawn scene, of which the model has seen nothing, at 5 frames/s and played as fast as the machine can. Its light goes
30 % up and down again in 80 minutes, beside the scene's own changes of seconds. In the middle of the time a thing is put down
for a twelfth of it. The result goes to benchmarks/results/two-hours.json.
"""

import argparse
import json
import math
import resource
import sys
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drc_runtime.atomic import atomic_write  # noqa: E402
from drc_runtime.inference.extractor import Extractor  # noqa: E402
from drc_runtime.machine import machine_name  # noqa: E402
from drc_train.data.synthetic.cutouts import photograph  # noqa: E402
from drc_train.data.synthetic.scene import RATE, draw_scene  # noqa: E402

HEIGHT, WIDTH, SEED = 120, 160, 2
EVERY = 5
"""Frames of the drawn recording between two that are shown: 5 frames/s of 25."""
SECONDS = EVERY / RATE
DRIFT, PERIOD = 0.3, 4800.0
"""Largest relative change of the light, and seconds until it is back."""
WINDOWS = 12
"""Parts of the time, in each of which F1 is measured."""
BOX = slice(70, 100), slice(20, 50)
"""Rows and columns of the thing that is put down."""


def measure(model: str, hours: float) -> dict[str, object]:
    """F1 and resident MiB of each window, and how much of the thing is foreground in the last frame before it goes."""
    track = Extractor(model, threads=1).track()
    shown = int(3600 * hours / SECONDS)
    thing = cv2.resize(photograph("coffee.png"), (30, 30), interpolation=cv2.INTER_AREA).astype(np.float32)
    stands = range(shown * 6 // WINDOWS, shown * 7 // WINDOWS)
    counts, memory, kept, notices = np.zeros((WINDOWS, 3)), [0.0] * WINDOWS, 0.0, list[str]()
    recording = draw_scene(shown * EVERY, HEIGHT, WIDTH, SEED, every=EVERY)
    for number, (drawn, mask) in enumerate(recording):
        time = number * SECONDS
        gain = 1 + DRIFT * math.sin(2 * math.pi * time / PERIOD)
        image, truth = drawn.astype(np.float32), mask > 127
        if number in stands:
            free = ~truth[BOX]
            image[BOX][free] = thing[free]
            truth = truth.copy()
            truth[BOX] = True
        found = track.step(np.clip(np.rint(image * gain), 0, 255).astype(np.uint8), SECONDS).mask > 127
        window = number * WINDOWS // shown
        counts[window] += (found & truth).sum(), (found & ~truth).sum(), (~found & truth).sum()
        memory[window] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if number == stands[-1]:
            kept = float(found[BOX].mean())
        notices += track.take_notices()
    f1 = [round(float(200 * hit / max(2 * hit + more + less, 1)), 1) for hit, more, less in counts]
    return {
        "frames": shown,
        "f1": f1,
        "peak_mib": [round(value, 1) for value in memory],
        "share_of_the_thing_that_is_foreground_before_it_goes": round(kept, 3),
        "notices": notices[:20],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="fixed-camera")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "two-hours.json")
    arguments = parser.parse_args()
    result = {"machine": machine_name(), "model": arguments.model} | measure(arguments.model, arguments.hours)
    atomic_write(arguments.out, (json.dumps(result, indent=2) + "\n").encode())
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
