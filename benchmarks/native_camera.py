"""The native runtime with a model of any fixed camera: the Python runtime's masks against its own while both adapt, and the time.

    make native && python benchmarks/native_camera.py --data FOLDER

``--data`` holds SBI2015's clips as ``video/NAME/clip.avi`` (default: $DRC_DATA). Each clip runs as it is; the first one as well
with what a camera meets: other light, a shift, no colour. The result goes to benchmarks/results/native-camera.json.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.native import (  # noqa: E402
    BUILD,
    Frames,
    clip_frames,
    in_process,
    measure_parity,
    percentiles,
    time_native,
    time_python,
)
from drc_runtime.machine import machine_name  # noqa: E402
from drc_runtime.samples import sample_bundle  # noqa: E402

CLIPS = ("HumanBody2", "HighwayI", "CaVignal")


def disturbed(frames: Frames) -> Frames:
    """The clip darker from a third on, moved by 3 % of its width from half on, grey in the last tenth."""

    def changed() -> Iterator[np.ndarray]:
        images = list(frames())
        height, width = images[0].shape[:2]
        shift = np.array([[1, 0, 0.03 * width], [0, 1, 0]], np.float32)
        for index, image in enumerate(images):
            if index > len(images) / 3:
                image = cv2.convertScaleAbs(image, alpha=0.7, beta=0)
            if index > len(images) / 2:
                image = cv2.warpAffine(image, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
            if index > 0.9 * len(images):
                image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            yield np.ascontiguousarray(image)

    return changed


def measure_time(bundle: Path) -> dict[str, Any]:
    """Milliseconds of a 720p frame on one core: what libdrc does outside of ONNX Runtime, the camera's state included."""
    core = max(os.sched_getaffinity(0))
    outside, inside = in_process(time_native, bundle, core)
    _, steps = in_process(time_python, bundle, core)
    return {
        "native": {"outside_engine_ms": percentiles(outside), "engine_ms": percentiles(inside)},
        "python": {"state_and_steps_ms": percentiles(steps)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("DRC_DATA"), help="with video/NAME/clip.avi")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "native-camera.json")
    arguments = parser.parse_args()
    if arguments.data is None or not (BUILD / "libdrc.so").exists():
        raise SystemExit("needs --data FOLDER with the clips, and build/native-release; run: make native")
    bundle = sample_bundle("fixed-camera")
    clips = {name: clip_frames(arguments.data / "video" / name / "clip.avi") for name in CLIPS}
    clips[f"{CLIPS[0]}, disturbed"] = disturbed(clips[CLIPS[0]])
    result = {
        "machine": machine_name(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "bundle": "fixed-camera",
        "frame": measure_time(bundle),
        "parity": {name: measure_parity(bundle, frames) for name, frames in clips.items()},
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
