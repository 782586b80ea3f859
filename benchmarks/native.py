"""The native runtime: time outside of the engine, time to the first mask, sizes, and the Python runtime's masks against its own.

    make native && python benchmarks/native.py [--data FOLDER --model BUNDLE]

``--data`` holds SBI2015's HumanBody2 (default: $DRC_DATA), ``--model`` is a bundle learned on it; without the clip that part is
left out. libdrc runs in a process of its own, loaded with ctypes, so that the Python runtime only supplies the frames.
The result goes to benchmarks/results/native.json.
"""

import argparse
import ctypes
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drc_runtime.machine import machine_name  # noqa: E402
from drc_runtime.samples import sample_bundle, sample_path  # noqa: E402
from drc_runtime.sources.open import open_source  # noqa: E402

BUILD = ROOT / "build" / "native-release" / "drc_runtime" / "native"
WIDTH, HEIGHT = 1280, 720
TIMED, WARM_UP = 300, 20
STARTS = 15
SEED = 7

Frames = Callable[[], Iterator[np.ndarray]]


class ExtractorParams(ctypes.Structure):
    """drc_extractor_params of drc.h."""

    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("threads", ctypes.c_int32),
        ("mask", ctypes.c_int32),
        ("seed", ctypes.c_uint64),
        ("provider", ctypes.c_char_p),
    )


class Image(ctypes.Structure):
    """drc_image of drc.h."""

    _fields_ = (
        ("pixels", ctypes.c_void_p),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("stride", ctypes.c_size_t),
        ("format", ctypes.c_int32),
    )


class Result(ctypes.Structure):
    """drc_result of drc.h."""

    _fields_ = (
        ("log_posterior", ctypes.c_float),
        ("steps", ctypes.c_int32),
        ("foreground_share", ctypes.c_double),
        ("milliseconds", ctypes.c_float),
        ("engine_milliseconds", ctypes.c_float),
    )


class NativeTrack:
    """libdrc's track over a bundle, with the bundle's own number of steps."""

    def __init__(self, bundle: Path, threads: int) -> None:
        self._library = ctypes.CDLL(str(BUILD / "libdrc.so"))
        self._library.drc_last_error.restype = ctypes.c_char_p
        self._track, extractor = ctypes.c_void_p(), ctypes.c_void_p()
        params = ExtractorParams(ctypes.sizeof(ExtractorParams), threads, 0, SEED, None)
        self._require(
            self._library.drc_extractor_open(str(bundle).encode(), ctypes.byref(params), ctypes.byref(extractor))
        )
        self._require(self._library.drc_track_open(extractor, None, ctypes.byref(self._track)))

    def step(self, image: np.ndarray) -> tuple[np.ndarray, Result]:
        """The probabilities of an RGB image and what libdrc says of them."""
        height, width = image.shape[:2]
        mask, result = np.empty((height, width), np.uint8), Result()
        view = Image(image.ctypes.data, width, height, image.strides[0], 0)
        address = ctypes.c_void_p(mask.ctypes.data)
        self._require(
            self._library.drc_track_step(
                self._track, ctypes.byref(view), address, ctypes.c_size_t(width), ctypes.byref(result)
            )
        )
        return mask, result

    def _require(self, status: int) -> None:
        if status:
            raise SystemExit(f"libdrc: {self._library.drc_last_error().decode()}")


def sample_frames() -> Iterator[np.ndarray]:
    with open_source(str(sample_path("scene"))) as source:
        yield from (np.ascontiguousarray(frame.image) for frame in source)


def large_frames() -> Iterator[np.ndarray]:
    while True:
        yield from (cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) for image in sample_frames())


def clip_frames(clip: Path) -> Frames:
    def frames() -> Iterator[np.ndarray]:
        with open_source(str(clip)) as source:
            yield from (np.ascontiguousarray(frame.image) for frame in source)

    return frames


def time_native(bundle: Path, core: int, answer: Any) -> None:
    """In a process of its own on one core: milliseconds of each frame outside ONNX Runtime, and in it."""
    os.sched_setaffinity(0, {core})
    track = NativeTrack(bundle, threads=1)
    results = [track.step(image)[1] for image in islice(large_frames(), WARM_UP + TIMED)][WARM_UP:]
    answer.put(
        [[it.milliseconds - it.engine_milliseconds for it in results], [it.engine_milliseconds for it in results]]
    )


def time_python(bundle: Path, core: int, answer: Any) -> None:
    """The same of the Python runtime, which does not tell its loop from the engine: preprocessing and mask alone."""
    os.sched_setaffinity(0, {core})
    from drc_runtime.inference.extractor import Extractor

    track = Extractor(bundle, threads=1, seed=SEED).track()
    results = [track.step(image).milliseconds for image in islice(large_frames(), WARM_UP + TIMED)][WARM_UP:]
    answer.put([[it["preprocess"] + it["mask"] for it in results], [it["steps"] for it in results]])


def write_native_masks(bundle: Path, frames: Path, masks: Path, answer: Any) -> None:
    """Masks of all frames as one array file beside the frames' own."""
    track = NativeTrack(bundle, threads=0)
    images = np.load(frames, mmap_mode="r")
    found = np.lib.format.open_memmap(masks, "w+", np.uint8, images.shape[:3])
    for index, image in enumerate(images):
        found[index] = track.step(np.ascontiguousarray(image))[0]
    answer.put(len(images))


def in_process(work: Callable[..., None], *arguments: Any) -> Any:
    context = multiprocessing.get_context("spawn")
    answer: Any = context.Queue()
    process = context.Process(target=work, args=(*arguments, answer))
    process.start()
    while process.is_alive() and answer.empty():
        process.join(0.2)
    if answer.empty():
        raise SystemExit(f"{work.__name__} ended without a result")
    found = answer.get()
    process.join()
    return found


def percentiles(values: list[float]) -> dict[str, float]:
    return {f"p{share}": round(float(np.percentile(values, share)), 3) for share in (50, 95)}


def measure_frames(bundle: Path, rounds: int) -> dict[str, Any]:
    """Native and Python by turns, on the same core."""
    core = max(os.sched_getaffinity(0))
    found: dict[str, list[list[float]]] = {"native": [[], []], "python": [[], []]}
    for _ in range(rounds):
        for name, work in (("native", time_native), ("python", time_python)):
            outside, inside = in_process(work, bundle, core)
            found[name][0] += outside
            found[name][1] += inside
    return {
        "image": [HEIGHT, WIDTH],
        "frames": TIMED * rounds,
        "native": {"outside_engine_ms": percentiles(found["native"][0]), "engine_ms": percentiles(found["native"][1])},
        "python": {
            "preprocess_and_mask_ms": percentiles(found["python"][0]),
            "steps_ms": percentiles(found["python"][1]),
        },
    }


def measure_starts(bundle: Path) -> dict[str, Any]:
    """From the kernel's start of drc-live to a loaded bundle, and to the first mask of a short 720p video."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.avi"
        writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 25, (WIDTH, HEIGHT))
        for image in islice(large_frames(), 2):
            writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        writer.release()
        command = [
            BUILD / "drc-live",
            clip,
            "--model",
            bundle,
            "--masks",
            Path(folder) / "masks",
            "--overwrite",
            "--json",
        ]
        reports = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(STARTS)]
    return {
        "starts": STARTS,
        "ready_ms": percentiles([1000 * report["ready_seconds"] for report in reports]),
        "first_mask_ms": percentiles([1000 * report["first_mask_seconds"] for report in reports]),
    }


def measure_parity(bundle: Path, frames: Frames) -> dict[str, Any]:
    """How many pixels of a tracked clip are within one grey level of the Python runtime's."""
    from drc_runtime.inference.extractor import Extractor

    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "frames.npy", Path(folder) / "masks.npy"
        images = list(frames())
        np.save(paths[0], np.stack(images))
        in_process(write_native_masks, bundle, *paths)
        native = np.load(paths[1], mmap_mode="r")
        track = Extractor(bundle, seed=SEED).track()
        shares = [
            float((cv2.absdiff(track.step(image).probability, native[index]) <= 1).mean())
            for index, image in enumerate(images)
        ]
    return {
        "frames": len(shares),
        "restarts": track.restarts,
        "share_within_one_grey_level": round(float(np.mean(shares)), 6),
        "worst_frame": round(min(shares), 6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("DRC_DATA") and Path(os.environ["DRC_DATA"]),
        help="with video/HumanBody2/clip.avi",
    )
    parser.add_argument("--model", type=Path, help="a bundle learned on HumanBody2; default: the bundled sample")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "native.json")
    arguments = parser.parse_args()
    if not (BUILD / "libdrc.so").exists():
        raise SystemExit(f"{BUILD / 'libdrc.so'} is missing; run: make native")
    scene = sample_bundle("scene")
    sizes = {name: (BUILD / name).stat().st_size for name in ("drc-live", "libdrc.so")}
    result = {
        "machine": machine_name(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "bundle": "scene",
        "frame": measure_frames(scene, arguments.rounds),
        "start": measure_starts(scene),
        "bytes": {**sizes, "total": sum(sizes.values())},
        "parity": {"sample clip": measure_parity(scene, sample_frames)},
    }
    clip = arguments.data / "video" / "HumanBody2" / "clip.avi" if arguments.data else None
    if clip is not None and clip.is_file():
        found = measure_parity(arguments.model or scene, clip_frames(clip))
        result["parity"]["HumanBody2"] = {"bundle": "learned on it" if arguments.model else "scene", **found}
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
