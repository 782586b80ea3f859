"""The Extractor on the toy bundle, whose answers are known: bright pixels are foreground."""

from pathlib import Path

import numpy as np
import pytest

from drc_runtime.errors import UsageError
from drc_runtime.inference.cut import agreement, refine
from drc_runtime.inference.extractor import Extractor
from drc_runtime.samples import sample_bundle

KEEP = 1 - 0.1**2 / 2
"""The toy's z after a step without noise, relative to before."""


def image(height: int, width: int) -> np.ndarray:
    """Left half black, right half white."""
    found = np.zeros((height, width, 3), np.uint8)
    found[:, width // 2 :] = 255
    return found


@pytest.mark.parametrize("size", [(8, 12), (90, 61), (1, 1), (3, 200)])
def test_masks_have_the_image_s_own_size(toy_bundle: Path, size: tuple[int, int]) -> None:
    found = Extractor(toy_bundle).extract(image(*size), steps=2)
    assert found.probability.shape == found.mask.shape == size
    np.testing.assert_array_equal(found.mask, image(*size)[..., 0])
    assert found.foreground_share == pytest.approx(1 - (size[1] // 2) / size[1])


def test_tracking_starts_cold_and_then_keeps_z(toy_bundle: Path) -> None:
    extractor = Extractor(toy_bundle)
    track = extractor.track(steps=3)
    settings = extractor.manifest.sampler
    first, second = track.step(image(8, 12)), track.step(image(8, 12))
    assert (first.steps, second.steps) == (max(settings.cold_steps, 3), 3)
    # the second frame's chain starts where the first one's ended: z has shrunk by three more steps
    assert second.log_posterior == pytest.approx(first.log_posterior * KEEP ** (2 * 3), rel=1e-3)


def test_the_same_seed_gives_the_same_mask_and_another_seed_another() -> None:
    """With a model whose maps depend on z; the toy's do not."""
    noisy = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    one, same, other = (
        Extractor(sample_bundle("sprites"), threads=1, seed=seed).extract(noisy, steps=2).probability
        for seed in (4, 4, 5)
    )
    assert np.array_equal(one, same) and not np.array_equal(one, other)


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)]
)
def test_what_is_not_an_image_is_refused(toy_bundle: Path, wrong: np.ndarray) -> None:
    with pytest.raises(UsageError, match="uint8 RGB"):
        Extractor(toy_bundle).extract(wrong)


def test_wrong_options(toy_bundle: Path) -> None:
    with pytest.raises(UsageError, match="responsibility"):
        Extractor(toy_bundle, mask="best")
    for steps in (0, -1):
        with pytest.raises(UsageError, match="1 or more"):
            Extractor(toy_bundle).extract(image(4, 4), steps=steps)
        with pytest.raises(UsageError, match="1 or more"):
            Extractor(toy_bundle).track(steps=steps)


def test_an_extraction_says_how_long_each_stage_took(toy_bundle: Path) -> None:
    found = Extractor(toy_bundle, refine="none").extract(image(8, 12), steps=3)
    assert found.steps == 3 and found.begun > 0
    assert list(found.milliseconds) == ["preprocess", "steps", "mask"] and min(found.milliseconds.values()) >= 0


def disc() -> tuple[np.ndarray, np.ndarray]:
    """A disc that becomes darker to its right, on dark noise, and where it is."""
    down, across = np.mgrid[:80, :120]
    inside = (down - 40) ** 2 + (across - 60) ** 2 < 25**2
    found = np.random.default_rng(0).integers(0, 50, (80, 120, 3), np.uint8)
    found[inside] += (210 - 2 * (across[inside, None] - 35)).astype(np.uint8)
    return found, inside


def test_the_mask_of_an_image_is_cut_again_and_that_of_a_frame_is_not(toy_bundle: Path) -> None:
    picture, inside = disc()
    plain, cut = (Extractor(toy_bundle, refine=name) for name in ("none", "cut"))
    before, after = plain.extract(picture, steps=2), cut.extract(picture, steps=2)
    assert list(after.milliseconds) == ["preprocess", "steps", "mask", "refine"] and after.steps == 2
    again = refine(picture, before.probability)
    np.testing.assert_array_equal(after.probability, again.probability)
    np.testing.assert_array_equal(after.disagreement, again.disagreement)
    assert before.agreement is None and after.agreement == again.agreement < 1
    assert agreement(before.mask > 0, inside) < 0.85 < 0.95 < agreement(after.mask > 0, inside)
    np.testing.assert_array_equal(cut.track().step(picture).probability, plain.track().step(picture).probability)


def test_an_unknown_refinement_is_refused(toy_bundle: Path) -> None:
    with pytest.raises(UsageError, match="--refine crf: choose one of cut, none"):
        Extractor(toy_bundle, refine="crf")
