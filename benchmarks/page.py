"""The cost of viewers of the page for a live run: frames per second and age, without viewers, with one and with several.

    python benchmarks/page.py --rounds 5

The camera of benchmarks/live.py, 1280x720 at 30 frames/s from a second process, through the bundled model with the page open.
The numbers of viewers alternate, ``--seconds`` each, so that other load on the machine affects all alike. Viewers read
the live view in a process of their own and do not decode it, because a browser usually does that on another machine. The
result goes to benchmarks/results/page.json.
"""

import argparse
import json
import multiprocessing
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.live import StampSink, serve  # noqa: E402
from drc_runtime.machine import machine_name  # noqa: E402
from drc_runtime.pipeline import run as run_module  # noqa: E402
from drc_runtime.pipeline.options import Callbacks, ModelOptions, WatchOptions  # noqa: E402

SETTLING_SECONDS = 1.0
WATCH = """
import sys, threading, urllib.request
def read():
    with urllib.request.urlopen(sys.argv[1] + "live.mjpg") as stream:
        while stream.read(1 << 14):
            pass
for _ in range(int(sys.argv[2])):
    threading.Thread(target=read, daemon=True).start()
sys.stdin.read()
"""


def take_turns(url: str, sink: StampSink, counts: list[int], rounds: int, seconds: float, found: dict) -> None:
    for _ in range(rounds):
        for count in counts:
            watching = subprocess.Popen([sys.executable, "-c", WATCH, url, str(count)], stdin=subprocess.PIPE)
            time.sleep(SETTLING_SECONDS)
            before, begun = len(sink.ages), time.monotonic()
            time.sleep(seconds)
            ages, taken = sink.ages[before:], time.monotonic() - begun
            watching.kill()
            watching.wait()
            found[count].append({"frames_per_second": len(ages) / taken, "ages": ages})
    signal.raise_signal(signal.SIGINT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--viewers", type=int, nargs="+", default=[0, 1, 5])
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "page.json")
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    port: multiprocessing.Queue[int] = context.Queue()
    context.Process(target=serve, args=(port,), daemon=True).start()
    sink = StampSink()
    run_module.open_sinks = lambda *_, **__: [sink]
    found: dict[int, list[dict]] = {count: [] for count in arguments.viewers}

    def notice(line: str) -> None:
        if line.startswith("live page: "):
            url = line.removeprefix("live page: ")
            given = (url, sink, arguments.viewers, arguments.rounds, arguments.seconds, found)
            threading.Thread(target=take_turns, args=given, daemon=True).start()

    report = run_module.run(
        f"http://127.0.0.1:{port.get(timeout=60)}/stream.mjpg",
        model=ModelOptions(steps=arguments.steps),
        watch=WatchOptions(serve="0", display=False),
        callbacks=Callbacks(notice=notice),
    )
    result = {"machine": machine_name(), "steps": report.steps, "rounds": arguments.rounds, "viewers": {}}
    for count, turns in found.items():
        p50, p95 = np.percentile([age for turn in turns for age in turn["ages"]], [50, 95])
        result["viewers"][count] = {
            "frames_per_second": round(float(np.median([turn["frames_per_second"] for turn in turns])), 2),
            "age_ms": {"p50": float(p50), "p95": float(p95)},
        }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
