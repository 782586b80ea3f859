"""What each part of a fixed camera's state brings: F1 of the bundled model on clips, with one part taken away at a time.

    python benchmarks/state_ablation.py CLIP_FOLDER... [--model fixed-camera]

From the first frame on, all frames from the 20th counted, as ``drc eval`` does. ``clip, darker and moved`` is the same clip made
30 % darker over its whole length, and moved by 3 % of its width in its middle.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.disturbances import Frames, Mask, changed_mask, counts, f1, lit, moved  # noqa: E402
from drc_runtime.atomic import atomic_write  # noqa: E402
from drc_runtime.camera import background  # noqa: E402
from drc_runtime.camera.adaptation import Adaptation  # noqa: E402
from drc_runtime.camera.background import OnlineBackground  # noqa: E402
from drc_runtime.camera.ghosts import GhostFinder  # noqa: E402
from drc_runtime.camera.light import Light  # noqa: E402
from drc_runtime.camera.watch import CameraWatch  # noqa: E402
from drc_runtime.inference.extractor import Extractor  # noqa: E402
from drc_runtime.machine import machine_name  # noqa: E402
from drc_train.data.evaluation import load_evaluation  # noqa: E402

WARM_UP = 20


def without_scale(self: OnlineBackground, *arguments: object) -> None:
    """The M-step, after which every pixel has the first scale again."""
    UPDATE(self, *arguments)
    self.scale[:] = background.START_SCALE


UPDATE = OnlineBackground.update
WITHOUT: dict[str, list[tuple[type, str, Callable[..., object]]]] = {
    "whole": [],
    "without light": [(Light, "fit", lambda *_: None)],
    "without a scale for each pixel": [(OnlineBackground, "update", without_scale)],
    "without ghosts and absorption": [(GhostFinder, "replace", lambda *_: None)],
    "without following shifts": [(CameraWatch, "_follow_shift", lambda *_: False)],
}


def changed(frames: Frames) -> Iterator[tuple[np.ndarray, Mask]]:
    """The clip as it becomes darker, and moves in its middle."""
    move = moved(round(0.03 * frames[0][0].shape[1]), 0)
    for number, (image, mask) in enumerate(frames):
        image = lit(1 - 0.3 * number / len(frames), 0)(image)
        if number >= len(frames) // 2:
            image, mask = move(image), changed_mask(move, mask)
        yield image, mask


def measure(frames: Iterator[tuple[np.ndarray, Mask]] | Frames, model: Path, adaptation: Adaptation) -> float:
    track = Extractor(model, threads=1).track(adaptation=adaptation)
    total = np.zeros(3, np.int64)
    for number, (image, mask) in enumerate(frames):
        found = track.step(image).mask > 0
        if number >= WARM_UP:
            total += counts(found, mask)
    return f1(total)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--model", type=Path, default=Path("fixed-camera"))
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "state-ablation.json")
    arguments = parser.parse_args()
    result: dict[str, object] = {"machine": machine_name(), "model": str(arguments.model)}
    for clip in arguments.clips:
        frames: Frames = [(it.image, it.mask > 127) for it in load_evaluation(str(next(clip.glob("clip.*"))))]
        rows: dict[str, dict[str, float]] = {}
        for name, patches in WITHOUT.items():
            with ExitStack() as stack:
                for owner, attribute, stand_in in patches:
                    stack.enter_context(patch.object(owner, attribute, stand_in))
                rows[name] = {
                    "clip": measure(frames, arguments.model, Adaptation()),
                    "clip, darker and moved": measure(changed(frames), arguments.model, Adaptation()),
                }
            print(clip.name, name, rows[name], flush=True)
        rows["nothing adapts"] = {
            "clip": measure(frames, arguments.model, Adaptation("nothing")),
            "clip, darker and moved": measure(changed(frames), arguments.model, Adaptation("nothing")),
        }
        print(clip.name, "nothing adapts", rows["nothing adapts"], flush=True)
        result[clip.name] = rows
    atomic_write(arguments.out, (json.dumps(result, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
