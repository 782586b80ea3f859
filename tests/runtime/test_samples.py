"""The bundled models on their own clips: a broken bundle, loop or mask shows here as a poor figure."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.inference.extractor import Extractor
from drc_runtime.samples import SAMPLES, sample_bundle, sample_path
from drc_runtime.sources.open import open_source


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_s_model_finds_the_foreground_of_its_clip(name: str) -> None:
    track = Extractor(sample_bundle(name), seed=0).track()
    truths = sample_path(name).parent / "masks"
    ious = []
    with open_source(f"sample:{name}") as source:
        for frame in source:
            if frame.index == 60:
                break
            mask = track.step(frame.image).mask > 0
            truth = cv2.imread(str(truths / f"{frame.name}.png"), cv2.IMREAD_GRAYSCALE) > 127
            if truth.mean() > 0.02:
                ious.append((mask & truth).sum() / (mask | truth).sum())
    assert len(ious) > 10 and np.mean(ious) > 0.5


def test_the_samples_are_small() -> None:
    folders = [sample_bundle(name) for name in SAMPLES]
    size = sum(path.stat().st_size for folder in folders for path in Path(folder).iterdir())
    assert size <= 16_000_000
