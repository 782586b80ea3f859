"""One line when a model does not fit what it sees."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import Manifest
from drc_runtime.inference.extraction import Extraction
from drc_runtime.pipeline.fit_check import EVERY, FIRST, LOG_POSTERIOR, WORSE, FitCheck
from drc_runtime.samples import sample_bundle
from tests.flat_run import run_with
from tests.videos import write_video

EXPECTED = -1.0


@pytest.fixture
def manifest(toy_bundle: Path) -> Manifest:
    found = Bundle.load(toy_bundle).manifest
    return replace(found, training={LOG_POSTERIOR: EXPECTED})


def of(log_posterior: float) -> Extraction:
    return Extraction(np.zeros((1, 1), np.uint8), log_posterior, 1)


def pixels(manifest: Manifest) -> int:
    return manifest.image_size[0] * manifest.image_size[1]


def test_a_change_is_told_once_and_its_end_too(manifest: Manifest) -> None:
    check, count = FitCheck(manifest, is_still=False, count=None), pixels(manifest)
    good, bad = (EXPECTED - WORSE + 0.1) * count, (EXPECTED - WORSE - 0.1) * count
    assert {check.see(of(good)) for _ in range(FIRST)} == {None}
    lines = [line for _ in range(3 * EVERY) if (line := check.see(of(bad))) is not None]
    assert len(lines) == 1 and "does not fit" in lines[0] and f"{EXPECTED:.2f} on its training images" in lines[0]
    lines = [line for _ in range(2 * EVERY) if (line := check.see(of(good))) is not None]
    assert len(lines) == 1 and "fits now" in lines[0]


def test_an_outlier_is_no_misfit(manifest: Manifest) -> None:
    check, count = FitCheck(manifest, is_still=False, count=None), pixels(manifest)
    values = [-100.0 if index % 3 == 0 else EXPECTED for index in range(FIRST + 2 * EVERY)]
    assert {check.see(of(value * count)) for value in values} == {None}


def test_a_single_image_is_judged_at_once_and_a_folder_after_some(manifest: Manifest) -> None:
    bad = (EXPECTED - WORSE - 1) * pixels(manifest)
    assert FitCheck(manifest, is_still=True, count=1).see(of(bad)) is not None
    folder = FitCheck(manifest, is_still=True, count=100)
    assert [folder.see(of(bad)) is not None for _ in range(5)] == [False] * 4 + [True]


def test_a_model_that_says_nothing_of_its_training_is_not_judged(manifest: Manifest) -> None:
    for value in (None, True, "often"):
        check = FitCheck(
            replace(manifest, training={} if value is None else {LOG_POSTERIOR: value}), is_still=True, count=1
        )
        assert check.see(of(-1e9)) is None


def test_the_sample_s_model_does_not_fit_another_clip_and_fits_its_own(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    tiles = np.kron(random.integers(0, 255, (6, 8, 3)), np.ones((20, 20, 1))).astype(np.uint8)
    clip = write_video(tmp_path / "other.avi", (np.roll(tiles, 3 * index, 1) for index in range(30)))
    lines: list[str] = []
    run_with(clip, bundle=sample_bundle("scene"), masks=tmp_path / "masks", notice=lines.append, steps=2)
    assert any("the model scene does not fit" in line for line in lines)
    log: list[str] = []
    run_with("sample", masks=tmp_path / "own", notice=log.append, steps=4)
    assert not any("does not fit" in line for line in log)
