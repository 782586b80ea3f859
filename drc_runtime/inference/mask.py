"""From a posterior sample to the foreground probability of each pixel of the image."""

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.bundle.manifest import Manifest
from drc_runtime.engines.protocol import Array
from drc_runtime.errors import UsageError
from drc_runtime.images import Image
from drc_runtime.inference.extraction import Extraction
from drc_runtime.inference.langevin import PosteriorSample
from drc_runtime.preprocess import resize, to_image, to_tensor

MASKS = ("responsibility", "mixture")

FILTER_SCALE = 2
"""The guided filter works at this many times the network's resolution. Four times measured no better."""
FILTER_RADIUS = 2
"""Radius of the filter's window in its own pixels: one pixel of the network on each side."""
FILTER_TEXTURE = np.float32(65.0)
"""Epsilon of the filter: a variance of grey levels up to this is texture and not an edge (a standard deviation of 8)."""

_LARGEST_LOG_ODDS = 8.0
"""Beyond this the 8-bit probability stays the same."""

Chain = Callable[[Array], tuple[PosteriorSample, int]]
"""Runs Langevin steps for an image tensor ``(3, H, W)``: the sample, and the number of steps taken."""


def needs_responsibility(manifest: Manifest) -> bool:
    """Whether the responsibility (Eq. 7) must be fetched from the graph.

    With several foreground slots Eq. 7 adds up their likelihoods, and the sample's ``foreground`` is only their mean image. With
    a given background the densities have parts that no image shows: scale, shadow and unknown foreground.
    """
    return manifest.latent.foreground_slots > 1 or manifest.background == "input"


class MaskReader:
    """Reads masks from posterior samples of images.

    The log-odds are read at the network's resolution: at the image's own resolution every fine edge of the background that the
    network cannot draw would count as foreground. A guided filter then moves the mask's outline to the image's edges.
    Measured in benchmarks/README.md.
    """

    def __init__(self, manifest: Manifest, mask: str = "responsibility") -> None:
        """Chooses what to read.

        Args:
            manifest: image size, likelihood and number of foreground slots of the model.
            mask: ``responsibility`` (Eq. 7: mixture weight and likelihood of the image's pixels), or ``mixture``
                (the mixture weight pi_f alone, as the paper evaluates).

        Raises:
            UsageError: the mask is unknown.
        """
        if mask not in MASKS:
            raise UsageError(f"no mask {mask!r}: choose one of {', '.join(MASKS)}")
        self._size, self._settings = manifest.image_size, manifest.sampler
        self._from_graph = needs_responsibility(manifest)
        self._mask = mask

    def read(self, image: Image, chain: Chain) -> Extraction:
        """Runs ``chain`` on ``image``, ``(H, W, 3)`` uint8 RGB, and reads the mask of the sample.

        Raises:
            EngineError: the chain diverged or the backend failed.
            UsageError: the image is not ``(H, W, 3)`` uint8.
        """
        begun = time.monotonic()
        tensor = to_tensor(image, self._size)
        prepared = time.monotonic()
        sample, steps = chain(tensor)
        sampled = time.monotonic()
        probability = self.probability(image, sample)
        ended = time.monotonic()
        stages = {"preprocess": prepared - begun, "steps": sampled - prepared, "mask": ended - sampled}
        milliseconds = {name: 1000 * seconds for name, seconds in stages.items()}
        return Extraction(probability, float(sample.log_posterior[0]), steps, milliseconds, begun)

    def probability(self, image: Image, sample: PosteriorSample) -> NDArray[np.uint8]:
        """The foreground probability ``(H, W)`` in [0, 255] of each pixel of ``image``, from a sample of batch 1."""
        log_odds = self.log_odds(image, sample)
        if self._mask == "responsibility":
            log_odds = follow_edges(log_odds, image, _LARGEST_LOG_ODDS)
        scaled = cv2.resize(log_odds, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
        return probability_of(np.asarray(scaled, np.float32))

    def log_odds(self, image: Image, sample: PosteriorSample) -> Array:
        """The foreground's log-odds ``(h, w)`` at the network's resolution.

        Where the images of a sample do not say enough for Eq. 7 (``needs_responsibility``), it comes from the graph.
        """
        if self._mask == "mixture":
            return _logit(sample.mask[0, 0])
        if self._from_graph:
            assert sample.responsibility is not None, (
                "the sampler has to fetch it: LangevinSampler(responsibility=True)"
            )
            return _logit(sample.responsibility[0, 0])
        return _logit(sample.mask[0, 0]) + self._evidence(resize(image, self._size), sample)

    def _evidence(self, image: Image, sample: PosteriorSample) -> Array:
        """Log p(pixel | foreground) - log p(pixel | background) (Eq. 7), channels summed: ``(h, w)``, for one slot."""
        foreground, background = to_image(sample.foreground[0]), to_image(sample.background[0])
        spread = self._settings.foreground_spread
        distances = [cv2.absdiff(image, region) for region in (background, foreground)]
        # 127.5 grey levels are 1 in the network's range
        unit, power = 127.5, 2
        if self._settings.likelihood == "gaussian":
            distances = [cv2.multiply(distance, distance, dtype=cv2.CV_32F) for distance in distances]
            unit, power = unit**2, 1
        scale = 1 / (unit * 2 * self._settings.sigma**2)
        nearer = cv2.addWeighted(distances[0], scale, distances[1], -scale / spread**2, 0, dtype=cv2.CV_32F)
        constant = -3 * power * np.log(spread)  # normalising constants of the two densities, for three channels
        return np.asarray(cv2.transform(nearer, np.array([[1, 1, 1, constant]], np.float32)), np.float32)


def follow_edges(log_odds: Array, image: Image, largest: float) -> Array:
    """Scales log-odds up with a guided filter, so that their edges lie on edges of the image.

    In every window the log-odds are a linear function of grey, found by least squares (He, Sun and Tang, Guided Image
    Filtering, 2010, Eqs. 5, 6 and 8).

    Args:
        log_odds: ``(h, w)`` float32, of the image scaled to that size.
        image: ``(H, W, 3)`` uint8 RGB.
        largest: the log-odds are first clipped to [-largest, largest], so that no pixel outweighs its neighbours.

    Returns:
        ``(FILTER_SCALE h, FILTER_SCALE w)`` float32.
    """
    size = FILTER_SCALE * log_odds.shape[1], FILTER_SCALE * log_odds.shape[0]
    grey = np.asarray(cv2.cvtColor(resize(image, size[::-1]), cv2.COLOR_RGB2GRAY), np.float32)
    clipped = np.clip(log_odds, -largest, largest)
    plane = np.asarray(cv2.resize(clipped, size, interpolation=cv2.INTER_LINEAR), np.float32)
    grey_mean, plane_mean = _mean(grey), _mean(plane)
    covariance = _mean(grey * plane) - grey_mean * plane_mean
    slope = covariance / (_mean(grey * grey) - grey_mean * grey_mean + FILTER_TEXTURE)
    offset = plane_mean - slope * grey_mean
    return _mean(slope) * grey + _mean(offset)


def _mean(plane: NDArray[Any]) -> Array:
    window = 2 * FILTER_RADIUS + 1
    return np.asarray(cv2.boxFilter(plane, -1, (window, window)), np.float32)


def _logit(probability: Array) -> Array:
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float32)


_SIGMOID_TABLE = np.rint(255 / (1 + np.exp(-np.linspace(-_LARGEST_LOG_ODDS, _LARGEST_LOG_ODDS, 256)))).astype(np.uint8)


def probability_of(log_odds: Array) -> NDArray[np.uint8]:
    """Log-odds to probabilities from 0 to 255.

    Reads a table of 256 entries, because an exponential for each pixel of a camera's frame costs more than a step.
    """
    # one call scales, rounds to the nearest entry and clips to the table
    index = cv2.addWeighted(log_odds, 127.5 / _LARGEST_LOG_ODDS, log_odds, 0, 127.5, dtype=cv2.CV_8U)
    return np.asarray(cv2.LUT(index, _SIGMOID_TABLE), np.uint8)
