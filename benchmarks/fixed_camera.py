"""Models of any fixed camera on drawn places that training never uses, and what a camera's state costs.

    python benchmarks/fixed_camera.py --model fixed-camera [RUN_OR_BUNDLE ...] [--clip clip.mp4]

Drawn places: F1 of the responsibility after 60 steps from noise, the background and its scale given, beside no model. A clip:
median milliseconds a frame of light and shift before the E-step and of the M-step after it, at the network's size.
"""

import argparse
import json
import time
from itertools import islice
from pathlib import Path

import numpy as np

from drc_runtime.camera.fixed_camera import FixedCamera
from drc_runtime.camera.plain import plain_log_odds
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.tracking import FRAME_SECONDS
from drc_runtime.machine import machine_name
from drc_runtime.preprocess import resize
from drc_train.data.observations import SCALE_STEPS, Observation
from drc_train.data.synthetic.fixed_cameras import draw_fixed_cameras
from drc_train.data.video import read_frames
from drc_train.evaluation.model_masks import load_extractor

SEED = 2
STEPS = 60
SIZE = 64


def parts(observation: Observation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, background and scale of an observation, in grey levels."""
    values = observation.astype(np.float32)
    return values[..., :3], values[..., 3:6], values[..., 6] / SCALE_STEPS


def by_model(extractor: Extractor, observation: Observation) -> np.ndarray:
    image, background, scale = parts(observation)
    sampler = extractor.sampler
    sampler.give(background=background.transpose(2, 0, 1) / 127.5 - 1, background_scale=scale / 127.5)
    sample = sampler.run(image.transpose(2, 0, 1) / 127.5 - 1, sampler.noise(), STEPS)
    assert sample.responsibility is not None
    return sample.responsibility[0, 0] > 0.5


def f1(found: list[np.ndarray], truths: list[np.ndarray]) -> float:
    """In percent, over all pixels."""
    masks, real = np.stack(found), np.stack(truths)
    return round(float(200 * (masks & real).sum() / (masks.sum() + real.sum())), 1)


def state_milliseconds(clip: Path) -> dict[str, float]:
    camera, before, after = None, [], []
    for frame in islice(read_frames(clip), 400):
        image = resize(frame, (SIZE, SIZE)).astype(np.float32)
        camera = camera or FixedCamera(image)
        begun = time.perf_counter()
        view = camera.look(image, FRAME_SECONDS)
        seen = time.perf_counter()
        odds = np.clip(plain_log_odds(image, view.background, view.scale), -30, 30)
        responsibility = (1 / (1 + np.exp(-odds))).astype(np.float32)
        learns = time.perf_counter()
        camera.learn(responsibility, FRAME_SECONDS)
        before.append(seen - begun)
        after.append(time.perf_counter() - learns)
    return {
        "light and shift": round(1000 * float(np.median(before)), 2),
        "m_step": round(1000 * float(np.median(after)), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", nargs="*", default=["fixed-camera"])
    parser.add_argument("--count", type=int, default=80)
    parser.add_argument("--clip", type=Path)
    arguments = parser.parse_args()
    drawn = list(draw_fixed_cameras(arguments.count, SIZE, SEED))
    truths = [mask > 0 for _, mask in drawn]
    result = {"without a model": f1([plain_log_odds(*parts(it)) > 0 for it, _ in drawn], truths)}
    for model in arguments.model:
        extractor = load_extractor(Path(model))
        result[model] = f1([by_model(extractor, it) for it, _ in drawn], truths)
    report: dict[str, object] = {"machine": machine_name(), "drawn places, F1": result}
    if arguments.clip is not None:
        report["milliseconds"] = state_milliseconds(arguments.clip)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
