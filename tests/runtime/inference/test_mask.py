"""Masks of posterior samples whose answers are known: one slot, several slots, and the guided filter."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import LatentSizes, Manifest
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.langevin import PosteriorSample
from drc_runtime.inference.mask import FILTER_SCALE, MaskReader, follow_edges


def test_the_responsibility_is_computed_against_the_image(toy_bundle: Path) -> None:
    """Eq. 7 with a white foreground, a black background, pi_f one half and sigma 1: sigmoid of the channels' sum."""
    grey = np.full((20, 30, 3), 100, np.uint8)
    value = 100 / 127.5 - 1
    expected = 255 / (1 + np.exp(-3 * value))
    found = Extractor(toy_bundle, refine="none").extract(grey, steps=1).probability
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
    mask = Extractor(toy_bundle, refine="none").extract(large, steps=1).mask
    assert (mask[:, 91:129] == 255).all() and not mask[:, :80].any() and not mask[:, 140:].any()


def test_the_mixture_reading_is_pi_and_ignores_the_pixels(toy_bundle: Path) -> None:
    found = Extractor(toy_bundle, mask="mixture", refine="none").extract(np.full((9, 9, 3), 200, np.uint8), steps=1)
    # one half, to the nearest entry of the 256 that the probabilities have
    assert len(np.unique(found.probability)) == 1 and abs(int(found.probability[0, 0]) - 127.5) < 3


def two_slots(manifest: Manifest) -> tuple[PosteriorSample, np.ndarray, np.ndarray]:
    """A black and a white slot of equal weight over a grey background, pi_f one half: a sample, an image, and Eq. 7 for it.

    The left half of the image is black and the right half white, so that everywhere one of the slots explains it. The mean of
    the two slots is as grey as the background and explains nothing.
    """
    height, width = manifest.image_size
    half, grey = np.full((1, 1, height, width), 0.5, np.float32), np.zeros((1, 3, height, width), np.float32)
    image = np.zeros((height, width, 3), np.uint8)
    image[:, width // 2 :] = 255
    # sigma 1, three channels: log p_k - log p_b is 3 / 2 for the slot that fits and -3 / 2 for the other, pi_k is 1 / 4
    odds = 0.5 * np.exp(1.5) + 0.5 * np.exp(-1.5)
    gamma = np.full_like(half, odds / (1 + odds))
    sample = PosteriorSample(np.zeros((1, 4), np.float32), np.zeros(1, np.float32), half, grey, grey, gamma)
    return sample, image, gamma[0, 0]


def test_with_several_slots_the_mask_is_the_graph_s_responsibility(toy_bundle: Path) -> None:
    one_slot = Bundle.load(toy_bundle).manifest
    several = replace(one_slot, latent=LatentSizes(2, 1, 1, foreground_slots=2))
    sample, image, gamma = two_slots(several)
    expected = np.log(gamma / (1 - gamma))
    np.testing.assert_allclose(MaskReader(several).log_odds(image, sample), expected, rtol=1e-5)
    assert (MaskReader(several).probability(image, sample) > 150).all()
    # the reading for one slot scores the slots' mean, which does not compete with the background
    np.testing.assert_allclose(MaskReader(one_slot).log_odds(image, sample), 0, atol=0.02)


def test_with_one_slot_the_graph_s_responsibility_is_not_read(toy_bundle: Path) -> None:
    manifest = Bundle.load(toy_bundle).manifest
    sample, image, _ = two_slots(manifest)
    reader = MaskReader(manifest)
    np.testing.assert_array_equal(
        reader.log_odds(image, sample), reader.log_odds(image, replace(sample, responsibility=None))
    )


def test_the_mixture_weight_is_read_alike_for_any_number_of_slots(toy_bundle: Path) -> None:
    manifest = Bundle.load(toy_bundle).manifest
    several = replace(manifest, latent=LatentSizes(2, 1, 1, foreground_slots=2))
    sample, image, _ = two_slots(manifest)
    for each in (manifest, several):
        np.testing.assert_array_equal(MaskReader(each, "mixture").log_odds(image, sample), 0)


def test_where_the_image_has_no_edges_it_is_plain_scaling() -> None:
    flat = np.full((60, 80, 3), 120, np.uint8)
    found = follow_edges(np.full((6, 8), 1.5, np.float32), flat, 8.0)
    assert found.shape == (6 * FILTER_SCALE, 8 * FILTER_SCALE) and found.dtype == np.float32
    np.testing.assert_allclose(found, 1.5, atol=1e-4)


def test_certainty_is_cut_before_it_spreads() -> None:
    flat = np.full((60, 80, 3), 120, np.uint8)
    assert follow_edges(np.full((6, 8), 1000.0, np.float32), flat, 8.0).max() == pytest.approx(8, abs=1e-3)


@pytest.mark.parametrize("bright", [True, False])
def test_the_outline_is_nearer_to_the_image_s_than_that_of_plain_scaling(bright: bool) -> None:
    """A disc, brighter or darker than its ground; the network's mask of it is blurred by a pixel of the network's."""
    disc = cv2.circle(np.zeros((256, 256), np.uint8), (120, 130), 70, 255, -1)
    image = cv2.merge([np.where(disc > 0, 200 if bright else 40, 110).astype(np.uint8)] * 3)
    share = (
        cv2.GaussianBlur(cv2.resize(disc, (32, 32), interpolation=cv2.INTER_AREA), (5, 5), 1.5).astype(np.float32) / 255
    )
    log_odds = 6 * (2 * share - 1) + np.random.default_rng(0).normal(0, 1.5, share.shape).astype(np.float32)
    plain = cv2.resize(log_odds, (256, 256), interpolation=cv2.INTER_LINEAR) > 0
    found = cv2.resize(follow_edges(log_odds, image, 8.0), (256, 256), interpolation=cv2.INTER_LINEAR) > 0
    wrong = (found != (disc > 0)).sum()
    assert wrong < 0.6 * (plain != (disc > 0)).sum()
