"""Draws the images on which a model does worst: image, truth and mask in three rows, the worst first.

python samples/worst.py samples/sprites/bundle tm-dsprites-folder worst.png
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from drc_runtime.inference.extractor import Extractor
from drc_runtime.preprocess import resize
from drc_train.data.evaluation import load_evaluation
from drc_train.data.source import is_sequence

SHOWN, HEIGHT = 8, 96
LEAST_FOREGROUND = 0.02
"""Smaller foregrounds, such as an object's first corner in the view, say little."""


def main(bundle: str, data: str, out: str) -> None:
    extractor = Extractor(bundle)
    track = extractor.track() if is_sequence(data) else None
    found = []
    for _, image, truth in load_evaluation(data):
        mask = (track.step(image) if track else extractor.extract(image)).mask
        union = ((mask > 0) | (truth > 0)).sum()
        if (truth > 0).mean() >= LEAST_FOREGROUND:
            found.append((((mask > 0) & (truth > 0)).sum() / union, image, truth, mask))
    worst = sorted(found, key=lambda item: item[0])
    # neighbouring frames fail alike: of a clip, take every tenth
    columns = []
    for _, image, truth, mask in worst[:: 10 if track else 1][:SHOWN]:
        size = HEIGHT, round(HEIGHT * image.shape[1] / image.shape[0])
        planes = [np.repeat(plane[..., None], 3, 2) for plane in (truth, mask)]
        columns.append(np.vstack([np.pad(resize(tile, size), ((0, 2), (0, 2), (0, 0))) for tile in (image, *planes)]))
    cv2.imwrite(out, cv2.cvtColor(np.hstack(columns), cv2.COLOR_RGB2BGR))
    print(f"{len(found)} images, the worst {len(columns)} in {Path(out)}: IoU from {worst[0][0]:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
