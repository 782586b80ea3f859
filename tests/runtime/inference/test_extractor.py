"""Langevin loop and Extractor on the toy bundle, whose answers are known: bright pixels are foreground."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.errors import EngineError, UsageError
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.langevin import LangevinSampler

KEEP = 1 - 0.1**2 / 2


def sampler(toy_bundle: Path, **options: float) -> LangevinSampler:
    return LangevinSampler(OnnxRuntimeEngine(Bundle.load(toy_bundle), threads=1), **options)


def tensor(toy_bundle: Path) -> np.ndarray:
    return np.zeros((1, 3, *Bundle.load(toy_bundle).manifest.image_size), np.float32)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_fixed_number_of_steps_without_noise(toy_bundle: Path, steps: int) -> None:
    chain = sampler(toy_bundle)
    start = chain.noise()
    sample = chain.run(tensor(toy_bundle), start, steps)
    np.testing.assert_allclose(sample.z, start * KEEP**steps, rtol=1e-5)
    before_last = start * KEEP ** (steps - 1)
    np.testing.assert_allclose(sample.log_posterior, -0.5 * np.square(before_last).sum(), rtol=1e-5)


def test_noise_has_the_step_s_scale_and_the_seed_decides_it(toy_bundle: Path) -> None:
    zero = np.zeros_like(sampler(toy_bundle).noise())
    runs = [sampler(toy_bundle, temperature=1.0, seed=seed).run(tensor(toy_bundle), zero, 400).z for seed in (1, 1, 2)]
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])
    # 400 steps of size 0.1 are about two relaxation times of a standard normal posterior
    ends = np.concatenate(
        [sampler(toy_bundle, temperature=1.0, seed=s).run(tensor(toy_bundle), zero, 400).z for s in range(40)]
    )
    assert 0.6 < ends.std() < 1.2


def test_a_diverged_chain_is_an_error(toy_bundle: Path) -> None:
    chain = sampler(toy_bundle)
    with pytest.raises(EngineError, match="diverged"):
        chain.run(tensor(toy_bundle), np.full_like(chain.noise(), np.nan), 2)


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


def test_the_responsibility_is_computed_against_the_image(toy_bundle: Path) -> None:
    """Eq. 7 with a white foreground, a black background, pi_f one half and sigma 1: sigmoid of the channels' sum."""
    grey = np.full((20, 30, 3), 100, np.uint8)
    value = 100 / 127.5 - 1
    expected = 255 / (1 + np.exp(-3 * value))
    found = Extractor(toy_bundle).extract(grey, steps=1).probability
    np.testing.assert_allclose(found.astype(float), expected, atol=2.5)


def test_a_wider_foreground_pays_its_density_s_constant(toy_bundle: Path) -> None:
    """Both regions' distances at their own sigma, and 2 log(spread) a channel against the foreground."""
    bundle = Bundle.load(toy_bundle)
    manifest = replace(bundle.manifest, sampler=replace(bundle.manifest.sampler, foreground_spread=2.0))
    extractor = Extractor.over(OnnxRuntimeEngine(bundle, threads=1), manifest)
    for level in (150, 230):
        value = level / 127.5 - 1
        log_odds = 3 * ((1 + value) / 2 - (1 - value) / (2 * 2**2) - 2 * np.log(2))
        found = extractor.extract(np.full((20, 30, 3), level, np.uint8), steps=1).probability
        np.testing.assert_allclose(found.astype(float), 255 / (1 + np.exp(-log_odds)), atol=2.5)


def test_a_gaussian_likelihood_squares_the_distances(toy_bundle: Path) -> None:
    """Both regions' squared distances at their own sigma, and log(spread) a channel against the foreground."""
    bundle = Bundle.load(toy_bundle)
    gaussian = replace(bundle.manifest.sampler, foreground_spread=2.0, likelihood="gaussian")
    extractor = Extractor.over(OnnxRuntimeEngine(bundle, threads=1), replace(bundle.manifest, sampler=gaussian))
    for level in (100, 150, 190):
        value = level / 127.5 - 1
        log_odds = 3 * ((1 + value) ** 2 / 2 - (1 - value) ** 2 / (2 * 2**2) - np.log(2))
        found = extractor.extract(np.full((20, 30, 3), level, np.uint8), steps=1).probability
        np.testing.assert_allclose(found.astype(float), 255 / (1 + np.exp(-log_odds)), atol=2.5)


def test_an_outline_within_the_network_s_pixels_is_where_the_image_has_it(toy_bundle: Path) -> None:
    """The network sees 8x12, so that its pixels are 20 wide: the edges of the column lie within them."""
    large = np.zeros((160, 240, 3), np.uint8)
    large[:, 86:134] = 255
    mask = Extractor(toy_bundle).extract(large, steps=1).mask
    assert (mask[:, 91:129] == 255).all() and not mask[:, :80].any() and not mask[:, 140:].any()


def test_the_mixture_reading_is_pi_and_ignores_the_pixels(toy_bundle: Path) -> None:
    found = Extractor(toy_bundle, mask="mixture").extract(image(9, 9), steps=1)
    # one half, to the nearest entry of the 256 that the probabilities have
    assert len(np.unique(found.probability)) == 1 and abs(int(found.probability[0, 0]) - 127.5) < 3


def test_tracking_starts_cold_and_then_keeps_z(toy_bundle: Path) -> None:
    extractor = Extractor(toy_bundle)
    track = extractor.track(steps=3)
    settings = extractor.manifest.sampler
    first, second = track.step(image(8, 12)), track.step(image(8, 12))
    assert (first.steps, second.steps) == (max(settings.cold_steps, 3), 3)
    # the second frame went on from where the first one ended: its z has shrunk by exactly three more steps
    assert second.log_posterior == pytest.approx(first.log_posterior * KEEP ** (2 * 3), rel=1e-3)


def test_the_same_seed_gives_the_same_mask(toy_bundle: Path) -> None:
    one, other = (Extractor(toy_bundle, seed=4).extract(image(8, 12)) for _ in range(2))
    assert one.log_posterior == other.log_posterior


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)]
)
def test_what_is_not_a_image_is_refused(toy_bundle: Path, wrong: np.ndarray) -> None:
    with pytest.raises(UsageError, match="uint8 RGB"):
        Extractor(toy_bundle).extract(wrong)


def test_wrong_options(toy_bundle: Path) -> None:
    with pytest.raises(UsageError, match="responsibility"):
        Extractor(toy_bundle, mask="best")
    with pytest.raises(UsageError, match="1 or more"):
        Extractor(toy_bundle).extract(image(4, 4), steps=-1)
