"""Does the start of a fixed camera's background show what stood there for long? Drawn scenes, and clips with masks.

    python benchmarks/empty_scene.py [--seed N] [--clip FOLDER ...]

Drawn: photographs of scikit-image as backgrounds, an object that stands for a share of the clip (from its beginning, in its
middle, up to its end), others that pass, changing light and noise; at 64x64. A figure is the share of pixels whose start is
further than 60 grey levels, summed over the channels, from the background without objects. A clip's folder holds ``clip.avi``
and ``masks``; its figure is the IoU of |frame - start| > 60 at 64x64, no model. The result goes to
benchmarks/results/empty-scene.json.
"""

import argparse
import json
import time
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.images import read_image
from drc_runtime.inference.empty_scene import empty_scene
from drc_runtime.preprocess import resize
from drc_train.data.synthetic.cutouts import cutouts, photograph, table
from drc_train.data.video import read_frames

HEIGHT, WIDTH, SIZE, FRAMES, THRESHOLD = 120, 160, (64, 64), 100, 60
SHARES, WHEN = (0.3, 0.6, 0.8, 0.93), ("begin", "middle", "end")
STEP = 0.06
"""Frame widths that an object moves in a frame before and after it stands."""
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def backgrounds() -> dict[str, Floats]:
    """Photographs, and the sample scene's table: each ``(HEIGHT, WIDTH, 3)``."""
    names = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "gravel.png")
    found = {name.split(".")[0]: resize(photograph(name), (HEIGHT, WIDTH)).astype(np.float32) for name in names}
    return {"table": table(HEIGHT, WIDTH)} | found


def layer(index: int, x: float, y: float, span: float) -> Floats:
    """A cut-out with its centre at ``x, y`` (frame widths, heights): ``(HEIGHT, WIDTH, 4)``, colour times alpha, and alpha."""
    cutout = cutouts()[index]
    layers = np.concatenate([cutout.colour, cutout.alpha[..., None]], 2)
    scale = span * HEIGHT / layers.shape[0]
    layers = cv2.resize(layers, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    shift = np.array([[1, 0, x * WIDTH - layers.shape[1] / 2], [0, 1, y * HEIGHT - layers.shape[0] / 2]], np.float32)
    return np.asarray(cv2.warpAffine(layers, shift, (WIDTH, HEIGHT)), np.float32)


def drawn(back: Floats, share: float, when: str, random: np.random.Generator) -> Bytes:
    """A clip ``(FRAMES, 64, 64, 3)`` in which one object stands for a share of the frames, and four pass."""
    first = round({"begin": 0, "middle": (1 - share) / 2, "end": 1 - share}[when] * FRAMES)
    last = first + round(share * FRAMES)
    things = [(int(random.integers(5)), *random.uniform((0.25, 0.3, 0.3), (0.75, 0.7, 0.6)), first, last)]
    things += [
        (int(random.integers(5)), *random.uniform((0, 0.3, 0.3), (1, 0.7, 0.5)), t, t + 1) for t in (15, 40, 65, 90)
    ]
    frames = []
    for t in range(FRAMES):
        image = back
        for index, x, y, span, begin, end in things:
            # what stands from the beginning never came, what stands to the end never goes
            before, after = (begin - t if begin else 0), (t - end + 1 if end < FRAMES else 0)
            place = x - STEP * max(before, 0) + STEP * max(after, 0)
            if -0.5 < place < 1.5:
                thing = layer(index, place, y, span)
                image = image * (1 - thing[..., 3:]) + thing[..., :3]
        light = 1 + 0.05 * np.sin(8 * t / FRAMES)
        image = image * light + 4 * random.standard_normal(image.shape, np.float32)
        frames.append(resize(np.clip(np.rint(image), 0, 255).astype(np.uint8), SIZE))
    return np.stack(frames)


def wrong(start: NDArray[np.number], truth: Bytes) -> float:
    """Percent of the pixels that are not the background."""
    return 100 * float((np.abs(start.astype(np.float32) - truth).sum(-1) > THRESHOLD).mean())


def on_drawn_scenes(seed: int) -> list[dict[str, object]]:
    """A row for each background, share and time of standing."""
    random, rows = np.random.default_rng(seed), []
    for (name, back), share, when in product(backgrounds().items(), SHARES, WHEN):
        truth = resize(np.clip(np.rint(back), 0, 255).astype(np.uint8), SIZE)
        frames = drawn(back, share, when, random)
        begin = time.process_time()
        start = empty_scene(frames)
        seconds = time.process_time() - begin
        figures = {
            "median": wrong(np.median(frames, 0), truth),
            "first_quarter": wrong(np.median(frames[: FRAMES // 4], 0), truth),
            "empty_scene": wrong(start.image, truth),
        }
        rows.append({"background": name, "share": share, "when": when, "seconds": round(seconds, 3)} | figures)
    return rows


def on_clip(folder: Path) -> dict[str, object]:
    """IoU of the plain baseline from the 20th frame on, with both starts, over the frames whose truth has a foreground."""
    frames = np.stack([resize(frame, SIZE) for frame in read_frames(folder / "clip.avi")])
    truths = [resize(read_image(path), SIZE)[..., 0] >= 128 for path in sorted((folder / "masks").glob("*.png"))]
    start = empty_scene(frames)
    row: dict[str, object] = {"clip": folder.name, "ambiguous": start.ambiguous, "replaced": start.replaced}
    for name, image in (("median", np.median(frames, 0)), ("empty_scene", start.image)):
        ious = []
        for frame, truth in zip(frames[20:], truths[20:], strict=True):
            found = np.abs(frame.astype(np.float32) - image).sum(-1) > THRESHOLD
            if truth.any():
                ious.append(float((found & truth).sum() / (found | truth).sum()))
        row[f"iou_{name}"] = round(100 * float(np.mean(ious)), 1)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, nargs="*", default=[])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    clips = [on_clip(folder) for folder in options.clip]
    rows = on_drawn_scenes(options.seed)
    means = {}
    for share in SHARES:
        chosen = [row for row in rows if row["share"] == share]
        names = ("median", "first_quarter", "empty_scene")
        means[str(share)] = {name: round(float(np.mean([row[name] for row in chosen])), 2) for name in names}
    result = {"seed": options.seed, "wrong_percent_by_share": means, "clips": clips, "drawn": rows}
    (Path(__file__).parent / "results" / "empty-scene.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({"wrong_percent_by_share": means, "clips": clips}, indent=1))


if __name__ == "__main__":
    main()
