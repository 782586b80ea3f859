"""The public API: images in, foreground masks out."""

import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import Manifest
from drc_runtime.engines import load_engine
from drc_runtime.engines.protocol import Array, Engine
from drc_runtime.errors import UsageError
from drc_runtime.images import Image
from drc_runtime.inference.edges import follow_edges
from drc_runtime.inference.langevin import LangevinSampler, PosteriorSample
from drc_runtime.preprocess import resize, to_image, to_tensor

if TYPE_CHECKING:
    from drc_runtime.inference.tracking import Track

MASKS = ("responsibility", "mixture")
_LARGEST_LOG_ODDS = 8.0
"""Beyond this an 8-bit probability does not change any more."""


@dataclass(frozen=True)
class Extraction:
    """The foreground of one image."""

    probability: NDArray[np.uint8]
    """(H, W) at the image's own size; 255 is certainly foreground."""
    log_posterior: float
    """Of the latent that the masks come from, without constants."""
    steps: int
    """Langevin steps taken."""
    milliseconds: dict[str, float] = field(default_factory=dict, compare=False)
    """What went into it: ``preprocess``, ``steps`` and ``mask``."""
    begun: float = field(default=0.0, compare=False)
    """When, by ``time.monotonic()``."""

    @cached_property
    def mask(self) -> NDArray[np.uint8]:
        """(H, W), 255 where the probability is one half or more, else 0."""
        return np.asarray(cv2.threshold(self.probability, 127, 255, cv2.THRESH_BINARY)[1], np.uint8)

    @property
    def foreground_share(self) -> float:
        """The mask's share of the image, in [0, 1]."""
        return cv2.countNonZero(self.mask) / self.mask.size


class Extractor:
    """A loaded bundle. Not for several threads at once: a second thread takes a second Extractor."""

    def __init__(
        self,
        bundle: Path | str,
        *,
        threads: int | None = None,
        mask: str = "responsibility",
        seed: int = 0,
        engine: str = "onnxruntime",
        precision: str = "fp32",
    ) -> None:
        """Loads and checks a bundle.

        Args:
            bundle: the bundle's folder.
            threads: cores to use; None takes all that this process may use.
            mask: ``responsibility`` (Eq. 7, against the image) or ``mixture`` (pi_f, the paper's reading).
            seed: of the noise that cold starts begin from.
            engine: the backend, one of ``drc_runtime.engines.ENGINES``.
            precision: ``fp32``, or ``fp16`` if the bundle has it.

        Raises:
            BundleError: the bundle is damaged, or lacks what the backend or the precision needs.
            EngineError: the backend cannot run it.
            MissingDependencyError: the backend's package is not installed.
            UsageError: no such kind of mask, backend or precision.
        """
        loaded = Bundle.load(Path(bundle)).at_precision(precision)
        self._set_up(loaded.manifest, load_engine(engine, loaded, threads), mask, seed)

    @classmethod
    def over(cls, engine: Engine, manifest: Manifest, *, mask: str = "responsibility", seed: int = 0) -> "Extractor":
        """An Extractor over any engine; see the constructor."""
        extractor = cls.__new__(cls)
        extractor._set_up(manifest, engine, mask, seed)
        return extractor

    def _set_up(self, manifest: Manifest, engine: Engine, mask: str, seed: int) -> None:
        if mask not in MASKS:
            raise UsageError(f"no mask {mask!r}: choose one of {', '.join(MASKS)}")
        self.manifest, self._mask = manifest, mask
        self.sampler = LangevinSampler(engine, seed=seed)

    def extract(self, image: Image, *, steps: int | None = None) -> Extraction:
        """Cuts the foreground out of one image, from noise.

        Args:
            image: ``(H, W, 3)`` uint8 RGB of any size.
            steps: Langevin steps; None takes the manifest's ``cold_steps``.

        Raises:
            EngineError: the chain diverged or the backend failed.
            UsageError: the image is not ``(H, W, 3)`` uint8, or ``steps`` is below 1.
        """
        begun = time.monotonic()
        tensor = self.prepare(image)
        prepared = time.monotonic()
        if steps is not None and steps < 1:
            raise UsageError(f"{steps} steps are none: give 1 or more")
        steps = steps or self.manifest.sampler.cold_steps
        sample = self.sampler.run(tensor, self.sampler.noise(), steps)
        return self.read(image, sample, steps, begun, prepared)

    def track(self, *, steps: int | None = None, budget: int | None = None) -> "Track":
        """Follows a video: each frame starts where the last one's chain ended; see ``drc_runtime.inference.tracking.Track``.

        Args:
            steps: for an ordinary frame; None takes the manifest's ``track_steps``. The first frame is a cold start.
            budget: the most for a frame after the first, where the scene has changed; None sets no limit.
        """
        from drc_runtime.inference.tracking import Track

        return Track(self, steps or self.manifest.sampler.track_steps, budget)

    def prepare(self, image: Image) -> Array:
        """An image as the network takes it: ``(3, H, W)`` float32 in [-1, 1].

        Raises:
            UsageError: the image is not ``(H, W, 3)`` uint8.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise UsageError(f"an image is (H, W, 3) uint8 RGB, not {image.shape} {image.dtype}")
        return to_tensor(image, self.manifest.image_size)

    def read(self, image: Image, sample: PosteriorSample, steps: int, begun: float, prepared: float) -> Extraction:
        """The mask of a posterior sample of ``image``; ``begun`` and ``prepared`` by ``time.monotonic``."""
        sampled = time.monotonic()
        probability = self.probability(image, sample, self._mask)
        ended = time.monotonic()
        stages = {"preprocess": prepared - begun, "steps": sampled - prepared, "mask": ended - sampled}
        milliseconds = {name: 1000 * seconds for name, seconds in stages.items()}
        return Extraction(probability, float(sample.log_posterior[0]), steps, milliseconds, begun)

    def probability(self, image: Image, sample: PosteriorSample, mask: str) -> NDArray[np.uint8]:
        """The foreground's probability ``(H, W)`` in [0, 255] for each pixel of ``image``, read from a posterior sample.

        ``mask`` as in the constructor. Eq. 7 is read at the network's resolution: at the frame's own, every fine edge of the
        background that the network cannot draw speaks for the foreground. What the network could not see, its outline, comes
        from the frame (``drc_runtime.inference.edges``). Measured in benchmarks/README.md.
        """
        log_odds = _logit(sample.mask[0, 0])
        if mask == "responsibility":
            log_odds = log_odds + self._evidence(resize(image, self.manifest.image_size), sample)
            log_odds = follow_edges(log_odds, image, _LARGEST_LOG_ODDS)
        scaled = cv2.resize(log_odds, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
        return _sigmoid(np.asarray(scaled, np.float32))

    def _evidence(self, image: Image, sample: PosteriorSample) -> Array:
        """The likelihoods' log-odds of each pixel (Eq. 7, channels summed): ``(H, W)``, of the network's size as ``image``."""
        foreground, background = to_image(sample.foreground[0]), to_image(sample.background[0])
        spread = self.manifest.sampler.foreground_spread
        distances = [cv2.absdiff(image, region) for region in (background, foreground)]
        # 127.5 grey levels are 1 in the network's range
        unit, power = 127.5, 2
        if self.manifest.sampler.likelihood == "gaussian":
            distances = [cv2.multiply(distance, distance, dtype=cv2.CV_32F) for distance in distances]
            unit, power = unit**2, 1
        scale = 1 / (unit * 2 * self.manifest.sampler.sigma**2)
        nearer = cv2.addWeighted(distances[0], scale, distances[1], -scale / spread**2, 0, dtype=cv2.CV_32F)
        constant = -3 * power * np.log(spread)  # of the densities, for three channels
        return np.asarray(cv2.transform(nearer, np.array([[1, 1, 1, constant]], np.float32)), np.float32)


def _logit(mask: Array) -> Array:
    clipped = np.clip(mask, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float32)


_SIGMOID_TABLE = np.rint(255 / (1 + np.exp(-np.linspace(-_LARGEST_LOG_ODDS, _LARGEST_LOG_ODDS, 256)))).astype(np.uint8)


def _sigmoid(log_odds: Array) -> NDArray[np.uint8]:
    """Through a table of 256 entries: an exponential for each pixel of a camera's frame would cost more than a step."""
    # one pass that scales, rounds to the nearest entry and cuts what is beyond the table
    index = cv2.addWeighted(log_odds, 127.5 / _LARGEST_LOG_ODDS, log_odds, 0, 127.5, dtype=cv2.CV_8U)
    return np.asarray(cv2.LUT(index, _SIGMOID_TABLE), np.uint8)
