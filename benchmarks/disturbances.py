"""What a fixed camera must survive, scripted on clips with masks: F1 of the 25th frame after it, beside no disturbance.

    python benchmarks/disturbances.py CLIP_FOLDER... --model fixed-camera --out disturbances.json

A clip folder has ``clip.avi`` (or .mp4) and ``masks/NNNNN.png``. Each run begins ``--before`` frames before the disturbance,
whose frame is varied over the clip. Beside the model that adapts: the same model frozen once it has started, and OpenCV's
KNN. A thing that is left behind counts as foreground; a ghost, a thing that was there from the first frame on and leaves, does
not.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.atomic import atomic_write
from drc_runtime.camera.adaptation import Adaptation
from drc_runtime.images import Image
from drc_runtime.inference.extractor import Extractor
from drc_runtime.machine import machine_name
from drc_train.data.evaluation import load_evaluation
from drc_train.data.synthetic.cutouts import photograph

AFTER = 25
RAMP = 3000
"""Frames of a slow change: two minutes at 25 frames/s, the clip played forth and back."""
Mask = NDArray[np.bool_]
Frames = list[tuple[Image, Mask]]


def lit(gain: float, offset: float) -> Callable[[Image], Image]:
    """Another light: the frame times ``gain`` plus ``offset`` of the full range."""
    return lambda image: np.clip(np.rint(image * gain + 255 * offset), 0, 255).astype(np.uint8)


def moved(x: int, y: int) -> Callable[[Image], Image]:
    """The camera turned by some pixels."""
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    return lambda image: np.asarray(
        cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def changed_mask(move: Callable[[Image], Image], mask: Mask) -> Mask:
    """A mask moved as its image is."""
    return np.asarray(move(np.repeat(mask[..., None] * np.uint8(255), 3, 2))[..., 0] > 127)


def grey(image: Image) -> Image:
    """Infra-red at night."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def thing(image: Image, mask: Mask, counts: bool) -> tuple[Image, Mask]:
    """A small picture that stands in the frame, behind what moves."""
    height, width = image.shape[0] // 5, image.shape[1] // 8
    top, left = image.shape[0] // 2, image.shape[1] // 6
    picture = cv2.resize(photograph("coffee.png"), (width, height), interpolation=cv2.INTER_AREA)
    shown = np.zeros(mask.shape, bool)
    shown[top : top + height, left : left + width] = True
    shown &= ~mask
    image = image.copy()
    placed = np.zeros_like(image)
    placed[top : top + height, left : left + width] = picture
    image[shown] = placed[shown]
    return image, mask | shown if counts else mask


def disturbances() -> dict[str, Callable[[Image, Mask, bool], tuple[Image, Mask]]]:
    """By name: image, mask and whether it has happened to image and mask."""
    whole = {
        "gain +30 %": lit(1.3, 0), "gain -30 %": lit(0.7, 0), "offset +30 %": lit(1, 0.3), "offset -30 %": lit(1, -0.3),
        "shift 4 px across": moved(4, 0), "shift 4 px down": moved(0, 4), "grey": grey,
    }  # fmt: skip
    found: dict[str, Callable[[Image, Mask, bool], tuple[Image, Mask]]] = {
        "undisturbed": lambda image, mask, _: (image, mask)
    }
    for name, change in whole.items():

        def apply(
            image: Image,
            mask: Mask,
            after: bool,
            change: Callable[[Image], Image] = change,
            moves: bool = name.startswith("shift"),
        ) -> tuple[Image, Mask]:
            if not after:
                return image, mask
            return change(image), changed_mask(change, mask) if moves else mask

        found[name] = apply
    found["left behind"] = lambda image, mask, after: thing(image, mask, True) if after else (image, mask)
    found["ghost"] = lambda image, mask, after: (image, mask) if after else thing(image, mask, False)
    return found


def methods(model: Path) -> dict[str, Callable[[], Callable[[Image], Mask]]]:
    """Makers of functions from frames in order to masks."""

    def drc(adaptation: Adaptation) -> Callable[[Image], Mask]:
        track = Extractor(model, threads=1).track(adaptation=adaptation)
        return lambda image: track.step(image).mask > 0

    def knn() -> Callable[[Image], Mask]:
        subtractor = cv2.createBackgroundSubtractorKNN()
        return lambda image: subtractor.apply(cv2.cvtColor(image, cv2.COLOR_RGB2BGR)) == 255

    return {"drc": lambda: drc(Adaptation()), "frozen": lambda: drc(Adaptation("nothing")), "knn": knn}


def counts(mask: Mask, truth: Mask) -> NDArray[np.int64]:
    """True positives, false positives and false negatives."""
    return np.array([(mask & truth).sum(), (mask & ~truth).sum(), (~mask & truth).sum()])


def f1(total: NDArray[np.int64]) -> float:
    """In percent."""
    return round(float(200 * total[0] / max(2 * total[0] + total[1] + total[2], 1)), 1)


def forth_and_back(frames: Frames, count: int) -> Iterator[tuple[Image, Mask]]:
    order = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    return (frames[order[number % len(order)]] for number in range(count))


def measure(clip: Path, model: Path, moments: int, before: int, slow: bool) -> dict[str, dict[str, float]]:
    """F1 in percent by disturbance and method."""
    frames: Frames = [(it.image, it.mask > 127) for it in load_evaluation(str(next(clip.glob("clip.*"))))]
    first = min(before, len(frames) * 2 // 3)
    times = np.linspace(first, len(frames) - AFTER - 1, moments).astype(int)
    result: dict[str, dict[str, float]] = {}
    for name, change in disturbances().items():
        result[name] = {}
        for method, make in methods(model).items():
            total = np.zeros(3, np.int64)
            for time in times:
                segment = make()
                for number in range(max(0, time - before), time + AFTER + 1):
                    image, mask = change(*frames[number], number >= time)
                    found = segment(image)
                total += counts(found, mask)
            result[name][method] = f1(total)
        print(clip.name, name, result[name], flush=True)
    for name, gain in (("slow gain +30 %", 0.3), ("slow gain -30 %", -0.3)) if slow else ():
        result[name] = {}
        for method, make in methods(model).items():
            segment, total, plain = make(), np.zeros(3, np.int64), make()
            still = np.zeros(3, np.int64)
            for number, (image, mask) in enumerate(forth_and_back(frames, RAMP)):
                found = segment(lit(1 + gain * number / RAMP, 0)(image))
                undisturbed = plain(image)
                if number >= RAMP - len(frames):
                    total += counts(found, mask)
                    still += counts(undisturbed, mask)
            result[name][method] = f1(total)
            result[name][f"{method}, undisturbed"] = f1(still)
        print(clip.name, name, result[name], flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--moments", type=int, default=4, help="runs of each kind, spread over the clip")
    parser.add_argument("--before", type=int, default=150, help="frames before the disturbance")
    parser.add_argument("--slow", action="store_true", help="also the changes over two minutes")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    result: dict[str, object] = {"machine": machine_name(), "model": str(arguments.model)}
    result |= {
        clip.name: measure(clip, arguments.model, arguments.moments, arguments.before, arguments.slow)
        for clip in arguments.clips
    }
    if arguments.out is not None:
        atomic_write(arguments.out, (json.dumps(result, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
