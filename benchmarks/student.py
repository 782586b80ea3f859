"""Measures students learned from its teachers beside the teachers and the baselines, at 128x128.

    python benchmarks/student.py ../shared/data/flowers [--run RUN] [--seeds 0 1 2] [--cache DIR] [--out FILE]

Labels are read to measure alone. IoU of all masks, and of those with even and with odd numbers: what is chosen is chosen on the
even ones.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from drc_runtime.atomic import atomic_write
from drc_runtime.images import list_images
from drc_runtime.inference.cut import refine
from drc_runtime.machine import available_cores
from drc_runtime.preprocess import resize
from drc_train.data.cache import cached_images
from drc_train.data.masks import binary, read_mask
from drc_train.data.source import image_folder
from drc_train.distillation.distil import learn
from drc_train.distillation.judge import judge
from drc_train.distillation.share import log_odds, set_share
from drc_train.distillation.teachers import chain_masks, iem_masks
from drc_train.evaluation.baselines import best_constant, grabcut
from drc_train.model.student import SIZE

SHARES = (0.9, 0.8)
"""Other sizes of the masks, as shares of the size of the lessons."""

Truths = dict[int, NDArray[np.bool_]]
"""Number of the picture to its foreground ``(SIZE, SIZE)``."""


def truths_of(folder: Path) -> Truths:
    """The masks that there are, scaled to ``SIZE``."""
    found = {}
    for index, path in enumerate(list_images(image_folder(folder))):
        file = folder / "masks" / f"{path.stem}.png"
        if file.is_file():
            mask = resize(binary(read_mask(file).mask), (SIZE, SIZE)) > 127
            if mask.any():
                found[index] = mask
    return found


def figures(masks: NDArray[np.bool_], truths: Truths) -> dict[str, float]:
    """IoU in percent of all masks, of the even ones and of the odd ones."""
    ious = np.array([(masks[i] & t).sum() / (masks[i] | t).sum() for i, t in sorted(truths.items())])
    halves = {"all": ious, "even": ious[::2], "odd": ious[1::2]}
    return {name: round(100 * float(values.mean()), 2) for name, values in halves.items()}


def cut_of(
    images: NDArray[np.uint8], masks: NDArray[np.bool_], truths: Truths
) -> tuple[NDArray[np.bool_], dict[int, float]]:
    """The masks as ``drc eval --baseline iem-cut`` cuts them, of the pictures with a truth alone, and the agreements of these."""
    found, agreements = masks.copy(), {}
    for index in truths:
        seed = np.where(masks[index], 255, 0).astype(np.uint8)
        again = refine(np.ascontiguousarray(images[index].transpose(1, 2, 0)), seed)
        found[index], agreements[index] = again.probability > 127, again.agreement
    return found, agreements


def tenths(masks: NDArray[np.bool_], agreements: dict[int, float], truths: Truths) -> list[float]:
    """IoU in percent of each tenth of the masks, those first whose agreement with their cut is the least."""
    parts = np.array_split(sorted(truths, key=agreements.__getitem__), 10)
    return [figures(masks, {int(index): truths[int(index)] for index in part})["all"] for part in parts]


def students(
    images: NDArray[np.uint8], masks: list[NDArray[np.bool_]], truths: Truths, seed: int, rounds: int
) -> dict[str, object]:
    """One student a round, each measured, and the masks that it teaches the next one."""
    found: dict[str, object] = {}
    for number in range(1, rounds + 1):
        begun = time.process_time()
        targets, teaches = judge(images, masks)
        found[f"round {number}, pictures that teach"] = int(teaches.sum())
        found[f"round {number}, targets"] = figures(targets > 127, truths)
        network, _ = learn(images[teaches], targets[teaches], seed)
        lessons, share = images[teaches], float(targets[teaches].mean()) / 255
        set_share(network, lessons, share)
        masks = [log_odds(network, images) > 0]
        found[f"round {number}, core seconds"] = round(time.process_time() - begun)
        found[f"round {number}, student"] = figures(masks[0], truths)
        again, agreements = cut_of(images, masks[0], truths)
        found[f"round {number}, student, cut"] = figures(again, truths)
        found[f"round {number}, student, cut, tenths by agreement"] = tenths(again, agreements, truths)
        for of_it in SHARES:
            set_share(network, lessons, of_it * share)
            found[f"round {number}, student, {of_it} of the size"] = figures(log_odds(network, images) > 0, truths)
        print(seed, number, found, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--run", type=Path, help="the run whose chains teach as well")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="folder for the masks of the teachers without training")
    parser.add_argument("--out", type=Path, help="JSON file; sets and mixes are added to what is there")
    given = parser.parse_args()
    torch.set_num_threads(1)
    images = np.array(cached_images(str(given.data), SIZE).pixels)
    truths = truths_of(given.data)
    file = given.cache / f"{given.data.name}-iem.npy" if given.cache else None
    iem = np.load(file) if file is not None and file.is_file() else iem_masks(images)
    if file is not None:
        np.save(file, iem)
    found = {"iem": iem} | ({"chain": chain_masks(given.run, given.data, images)} if given.run else {})
    rows: dict[str, object] = {name: figures(masks, truths) for name, masks in found.items()}
    for name, masks in found.items():
        rows[f"{name}, cut"] = figures(cut_of(images, masks, truths)[0], truths)
    constant = best_constant(np.where(mask, 255, 0).astype(np.uint8) for mask in truths.values())
    place = constant(np.zeros((SIZE, SIZE, 3), np.uint8)) > 127
    rows["constant"] = figures(np.broadcast_to(place, (len(images), SIZE, SIZE)), truths)
    boxed = np.zeros_like(iem)
    for index in truths:
        boxed[index] = grabcut(np.ascontiguousarray(images[index].transpose(1, 2, 0))) > 127
    rows["grabcut"] = figures(boxed, truths)
    print(rows, flush=True)
    results = json.loads(given.out.read_text()) if given.out and given.out.is_file() else {}
    entry = results.setdefault(given.data.name, {"pictures": len(images), "masks": len(truths), "students": {}})
    entry["cores"] = available_cores()
    entry["rows"] = entry.get("rows", {}) | rows
    mix = ", ".join(found)
    for seed in given.seeds:
        entry["students"].setdefault(mix, {})[str(seed)] = students(
            images, list(found.values()), truths, seed, given.rounds
        )
        if given.out:
            atomic_write(given.out, (json.dumps(results, indent=2) + "\n").encode())
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
