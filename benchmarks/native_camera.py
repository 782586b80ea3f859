"""The native runtime with a model of any fixed camera: the Python runtime's masks against its own while both adapt, and the time.

    make native-test && python benchmarks/native_camera.py --data FOLDER

``--data`` holds SBI2015's clips as ``video/NAME/clip.avi`` (default: $DRC_DATA). Each clip runs as it is; the first one as well
with what a camera meets: other light, a shift, no colour. The result goes to benchmarks/results/native-camera.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.native import (  # noqa: E402
    BUILD,
    HEIGHT,
    SEED,
    TIMED,
    WARM_UP,
    WIDTH,
    Frames,
    NativeTrack,
    clip_frames,
    in_process,
    measure_parity,
    percentiles,
)
from drc_runtime.machine import machine_name  # noqa: E402
from drc_runtime.samples import sample_bundle  # noqa: E402

CLIPS = ("HumanBody2", "HighwayI", "CaVignal")
NUDGED_AT = 100


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


def time_native(bundle: Path, frames: Path, answer: Any) -> None:
    """In a process of its own: milliseconds of each frame, by the clock and of the processor."""
    track = NativeTrack(bundle, threads=0)
    answer.put(timed(lambda image: track.step(image), frames))


def time_python(bundle: Path, frames: Path, answer: Any) -> None:
    from drc_runtime.inference.extractor import Extractor

    track = Extractor(bundle, seed=SEED).track()
    answer.put(timed(lambda image: track.step(image), frames))


def timed(step: Callable[[np.ndarray], Any], frames: Path) -> list[list[float]]:
    found = []
    for image in np.load(frames, mmap_mode="r"):
        large = cv2.resize(np.asarray(image), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        begun, used = time.perf_counter(), time.process_time()
        step(large)
        found.append([1000 * (time.perf_counter() - begun), 1000 * (time.process_time() - used)])
    return found[WARM_UP:]


def time_state(folder: Path, bundle: Path, frames: Path) -> dict[str, list[list[float]]]:
    """Milliseconds of the camera's state for each frame, before the E-step and of the M-step, both runtimes on one input."""
    from drc_runtime.inference.camera_track import CameraTrack
    from drc_runtime.inference.extractor import Extractor

    track = Extractor(bundle, seed=SEED).track()
    assert isinstance(track, CameraTrack)
    images = np.load(frames, mmap_mode="r")
    track.step(images[0])
    assert track.camera is not None
    seen, given, times = [], [], []
    look, learn = track.camera.look, track.camera.learn

    def timed_look(image: np.ndarray, seconds: float) -> Any:
        begun = time.perf_counter()
        view = look(image, seconds)
        seen.append(image.copy())
        times.append([1000 * (time.perf_counter() - begun)])
        return view

    def timed_learn(responsibility: np.ndarray, seconds: float) -> None:
        begun = time.perf_counter()
        learn(responsibility, seconds)
        times[-1].append(1000 * (time.perf_counter() - begun))
        given.append(responsibility.copy())

    with patch.object(track.camera, "look", timed_look), patch.object(track.camera, "learn", timed_learn):
        for image in images[1:]:
            track.step(image)
    np.stack(seen).tofile(folder / "frames.f32")
    np.stack(given).tofile(folder / "responsibility.f32")
    program = BUILD.parents[1] / "tests" / "native" / "drc_time_camera"
    command = [str(it) for it in (program, folder, *seen[0].shape[:2])]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    native = [[float(number) for number in line.split()] for line in lines]
    return {"native": native[WARM_UP:], "python": times[WARM_UP:]}


def measure_time(bundle: Path, clip: Frames, rounds: int) -> dict[str, Any]:
    """Native and Python by turns, so that another load meets both."""
    whole: dict[str, list[np.ndarray]] = {"native": [], "python": []}
    state: dict[str, list[np.ndarray]] = {"native": [], "python": []}
    with tempfile.TemporaryDirectory() as folder:
        frames = Path(folder) / "frames.npy"
        np.save(frames, np.stack(list(islice(clip(), WARM_UP + TIMED))))
        for _ in range(rounds):
            for name, work in (("native", time_native), ("python", time_python)):
                whole[name].append(np.array(in_process(work, bundle, frames)))
            for name, found in time_state(Path(folder), bundle, frames).items():
                state[name].append(np.array(found))
    result: dict[str, Any] = {"image": [HEIGHT, WIDTH], "rounds": rounds, "frames_a_round": TIMED}
    for name in whole:
        wall, used = np.concatenate(whole[name]).T
        before, m_step = np.concatenate(state[name]).T
        result[name] = {
            "frame_ms": percentiles(wall.tolist()),
            "processor_ms": round(float(used.mean()), 3),
            "frames_per_second": round(1000 / float(np.median(wall)), 1),
            "before_the_e_step_ms": percentiles(before.tolist()),
            "m_step_ms": percentiles(m_step.tolist()),
        }
    ratios = [np.median(b[:, 0]) / np.median(a[:, 0]) for a, b in zip(whole["native"], whole["python"], strict=True)]
    result["python_over_native"] = {
        "median": round(float(np.median(ratios)), 2),
        "rounds": [round(float(it), 2) for it in ratios],
    }
    return result


def measure_sensitivity(bundle: Path, clip: Frames) -> dict[str, Any]:
    """What the last bits decide: two tracks of the Python runtime, one of whose latents is changed by a millionth, once."""
    from drc_runtime.inference.extractor import Extractor

    one, other = (Extractor(bundle, seed=SEED).track() for _ in range(2))
    near, same = [], []
    for index, image in enumerate(islice(clip(), NUDGED_AT + TIMED)):
        if index == NUDGED_AT:
            assert other._z is not None
            other._z = other._z * np.float32(1 + 1e-6)
        expected, found = one.step(image), other.step(image)
        near.append(float((cv2.absdiff(expected.probability, found.probability) <= 1).mean()))
        same.append(float((expected.mask == found.mask).mean()))
    assert min(near[:NUDGED_AT]) == 1, "two tracks of the same frames differ"
    return {
        "frames_after": TIMED,
        "share_within_one_grey_level": round(float(np.mean(near[NUDGED_AT:])), 6),
        "share_of_the_same_binary_mask": round(float(np.mean(same[NUDGED_AT:])), 6),
        "worst_frame": round(min(near), 6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("DRC_DATA"), help="with video/NAME/clip.avi")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "native-camera.json")
    arguments = parser.parse_args()
    if arguments.data is None or not (BUILD / "libdrc.so").exists():
        raise SystemExit("needs --data FOLDER with the clips, and build/native-release; run: make native-test")
    bundle = sample_bundle("fixed-camera")
    clips = {name: clip_frames(arguments.data / "video" / name / "clip.avi") for name in CLIPS}
    clips[f"{CLIPS[0]}, disturbed"] = disturbed(clips[CLIPS[0]])
    result = {
        "machine": machine_name(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "bundle": "fixed-camera",
        "frame": measure_time(bundle, clips[CLIPS[0]], arguments.rounds),
        "sensitivity": measure_sensitivity(bundle, clips[CLIPS[0]]),
        "parity": {name: measure_parity(bundle, frames) for name, frames in clips.items()},
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
