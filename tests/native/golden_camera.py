"""Golden results of a fixed camera: its masks while the state adapts, and the state alone."""

from pathlib import Path

import cv2
import numpy as np
from native.golden_files import SEED, record, write_json

from drc_runtime.camera.fixed_camera import FixedCamera
from drc_runtime.camera.plain import plain_log_odds
from drc_runtime.images import write_png
from drc_runtime.inference.extractor import Extractor


def write_camera(bundle: Path) -> None:
    """Writes masks and notices of a track over ``camera_clip``, while the state adapts, beside the bundle's own files."""
    track = Extractor(bundle, threads=1, seed=SEED).track(steps=3)
    images = camera_clip()
    names = [f"image-{index}.png" for index in range(len(images))]
    for name, image in zip(names, images, strict=True):
        write_png(bundle / name, image)
    found = []
    for image, name in zip(images, names, strict=True):
        item = record(bundle, "track", track.step, [image], [name])[0]
        found.append(item | {"notices": track.take_notices()})
    told = [line for item in found for line in item["notices"]]
    assert len(told) == 3, f"the clip no longer shows what it is for: {told}"
    run = {"kind": "responsibility", "steps": 3, "budget": None, "extract": [], "track": found}
    write_json(bundle / "golden.json", {"seed": SEED, "runs": [{**run, "restarts": track.restarts}]})


def write_camera_state(folder: Path) -> None:
    """Writes what a camera's state is given over ``camera_clip``, and the background that it makes of that, as raw float32."""
    folder.mkdir()
    frames = [cv2.resize(image, (32, 24), interpolation=cv2.INTER_AREA).astype(np.float32) for image in camera_clip()]
    camera = FixedCamera(frames[0])
    given, lit, known, scales = [], [], [], []
    for frame in frames:
        view = camera.look(frame, 0.04)
        odds = plain_log_odds(frame, view.background, view.scale)
        given.append((1 / (1 + np.exp(-np.clip(odds, -30, 30)))).astype(np.float32))
        camera.learn(given[-1], 0.04)
        lit.append(view.background)
        known.append(camera.background.image.copy())
        scales.append(camera.background.scale.copy())
    parts = {"frames": frames, "responsibility": given, "lit": lit, "background": known, "scale": scales}
    for name, arrays in parts.items():
        np.stack(arrays).astype("<f4").tofile(folder / f"{name}.f32")
    told = camera.watch.notices
    assert len(told) == 3, f"the clip no longer shows what it is for: {told}"
    write_json(folder / "state.json", {"rows": 24, "columns": 32, "frames": len(frames), "notices": told})


def camera_clip() -> list[np.ndarray]:
    """A drawn place: a thing leaves a ghost, one passes, the light falls, the camera is moved, the picture becomes grey."""
    random = np.random.default_rng(5)
    room = cv2.resize(random.integers(40, 200, (9, 12, 3), np.uint8), (96, 72), interpolation=cv2.INTER_CUBIC)
    shift = np.array([[1, 0, 2.7], [0, 1, -1.6]], np.float32)
    images = []
    for index in range(150):
        image = room.copy()
        if index < 35:
            image[40:60, 60:76] = 230, 30, 40
        if 45 <= index < 80:
            left = 2 * (index - 45)
            image[24:48, left : left + 12] = 30, 220, 240
        if index >= 60:
            image = cv2.convertScaleAbs(image, alpha=0.65)
        if index >= 90:
            image = cv2.warpAffine(image, shift, (96, 72), borderMode=cv2.BORDER_REPLICATE)
        if index >= 130:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            noise = random.normal(0, 2, (72, 96, 1))
        else:
            noise = random.normal(0, 2, image.shape)
        images.append(np.clip(image + noise, 0, 255).astype(np.uint8))
    return images
