"""The bundled models on their own clips: a broken bundle, loop or mask shows here as a poor figure."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.info import inspect_bundle
from drc_runtime.errors import UsageError
from drc_runtime.inference.extractor import Extractor
from drc_runtime.samples import SAMPLES, bundle_folder, sample_bundle, sample_path
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


@pytest.mark.parametrize(
    ("spec", "name"), [("sample", "scene"), ("sample:sprites", "sprites"), ("sprites", "sprites"), ("scene", "scene")]
)
def test_a_sample_s_name_is_its_bundle_wherever_a_bundle_is_wanted(
    spec: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert bundle_folder(spec) == bundle_folder(Path(spec)) == sample_bundle(name)
    assert inspect_bundle(Path(spec)).intact
    assert Bundle.load(Path(spec)).folder == sample_bundle(name)
    (tmp_path / spec).mkdir()  # a path that exists is that path
    assert bundle_folder(spec) == Path(spec)


def test_other_names_stay_paths() -> None:
    assert bundle_folder("runs/mine") == Path("runs/mine") and bundle_folder("scene:5") == Path("scene:5")
    with pytest.raises(UsageError, match="no sample is called 'x'"):
        bundle_folder("sample:x")
