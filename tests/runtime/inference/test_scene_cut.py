"""A cut in the sample clip: noticed by its own model, and answered within the frame budget."""

from pathlib import Path

import cv2
import numpy as np

from drc_runtime.inference.extraction import Extraction
from drc_runtime.inference.extractor import Extractor
from drc_runtime.samples import sample_bundle
from drc_runtime.sources.open import open_source

ROOT = Path(__file__).resolve().parents[3]


def test_after_a_cut_in_the_sample_clip_the_mask_is_that_of_a_fresh_start_within_the_budget() -> None:
    """From frames with one set of things in them to frames with another."""
    budget, truths = 24, ROOT / "samples" / "scene" / "masks"
    with open_source(str(ROOT / "samples" / "scene" / "clip.mp4")) as source:
        frames = [frame.image for frame in source]
    before, after = list(range(240, 260)), list(range(100, 124))
    shown = [frames[index] for index in [*before, *after]]
    track = Extractor(sample_bundle("scene"), threads=1).track(steps=6, budget=budget)
    found = [track.step(image) for image in shown]
    assert max(extraction.steps for extraction in found[1:]) <= budget
    fresh = Extractor(sample_bundle("scene"), threads=1).track(steps=6, budget=budget)
    expected = [fresh.step(frames[index]) for index in after]
    late = len(after) // 2

    def mean_iou(extractions: list[Extraction]) -> float:
        values = []
        for index, extraction in zip(after[late:], extractions, strict=True):
            truth = cv2.imread(str(truths / f"{index:05d}.png"), cv2.IMREAD_GRAYSCALE) > 127
            mask = extraction.mask > 0
            values.append((truth & mask).sum() / max((truth | mask).sum(), 1))
        return float(np.mean(values))

    tracked, from_noise = mean_iou(found[len(before) + late :]), mean_iou(expected[late:])
    assert from_noise > 0.5 and tracked > from_noise - 0.1
    assert any(extraction.steps > 6 for extraction in found[len(before) : len(before) + late]), "the cut was noticed"
