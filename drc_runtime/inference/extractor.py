"""The public API: images in, foreground masks out."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import Manifest
from drc_runtime.camera.adaptation import Adaptation
from drc_runtime.engines import PROCESSOR, load_engine
from drc_runtime.engines.protocol import Array, Engine
from drc_runtime.errors import UsageError
from drc_runtime.images import Image
from drc_runtime.inference.camera_track import CameraTrack
from drc_runtime.inference.cold_start import ColdStart
from drc_runtime.inference.cut import refine as cut_again
from drc_runtime.inference.cut import refine_extraction
from drc_runtime.inference.extraction import Extraction
from drc_runtime.inference.golden import check_golden
from drc_runtime.inference.langevin import LangevinSampler, PosteriorSample
from drc_runtime.inference.mask import MaskReader, needs_responsibility
from drc_runtime.inference.options import DEFAULT_REFINEMENT, Sampling, check_refinement
from drc_runtime.inference.tracking import Track


class Extractor:
    """A loaded bundle. Use it in one thread at a time; each thread needs its own.

    Attributes:
        manifest: of the bundle.
        sampler: runs the chains; its noise continues from one call to the next.
        reader: reads the masks.
    """

    def __init__(
        self,
        bundle: Path | str,
        *,
        threads: int | None = None,
        mask: str = "responsibility",
        seed: int = 0,
        engine: str = "onnxruntime",
        precision: str = "fp32",
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        refine: str = DEFAULT_REFINEMENT,
    ) -> None:
        """Loads and checks a bundle.

        Args:
            bundle: the bundle's folder.
            threads: CPU cores to use; None takes all that this process may use.
            mask: ``responsibility`` (Eq. 7) or ``mixture`` (pi_f, as the paper evaluates).
            seed: of the noise that cold starts begin from, from 0 to 2^64 - 1.
            engine: the backend, one of ``drc_runtime.engines.ENGINES``.
            precision: ``fp32``, or ``fp16`` if the bundle has it.
            sampling: the chains' noise and where they begin.
            refine: what follows the mask of a still image, one of ``REFINEMENTS``; frames of a track are left as they are.

        Raises:
            BundleError: the bundle is damaged, or lacks what the backend or the precision needs.
            EngineError: the backend cannot run it, or does not compute what the bundle's golden steps say.
            MissingDependencyError: the backend's package is not installed.
            UsageError: the mask, backend, precision or refinement is unknown, the seed or the temperature is out of range, or
                ``from_noise`` for a bundle without an initialiser.
        """
        loaded = Bundle.load(Path(bundle)).at_precision(precision)
        backend = load_engine(engine, loaded, threads)
        if engine != PROCESSOR:
            check_golden(backend, loaded.manifest, engine, loaded.precision != "fp32")
        self._set_up(backend, loaded.manifest, mask, seed, sampling, refine)

    @classmethod
    def over(
        cls,
        engine: Engine,
        manifest: Manifest,
        *,
        mask: str = "responsibility",
        seed: int = 0,
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        refine: str = DEFAULT_REFINEMENT,
    ) -> "Extractor":
        """An Extractor with an engine that is already loaded; arguments and errors as in the constructor."""
        extractor = cls.__new__(cls)
        extractor._set_up(engine, manifest, mask, seed, sampling, refine)
        return extractor

    def _set_up(
        self, engine: Engine, manifest: Manifest, mask: str, seed: int, sampling: Sampling, refine: str
    ) -> None:
        check_refinement(refine)
        self._refine = refine
        self.manifest = manifest
        self.reader = MaskReader(manifest, mask)
        self.sampler = LangevinSampler(
            engine,
            responsibility=needs_responsibility(manifest),
            given_background=manifest.background == "input",
            temperature=sampling.temperature,
            seed=seed,
        )
        self.cold = ColdStart.of(engine, manifest, self.sampler, sampling.from_noise)

    def extract(self, image: Image, *, steps: int | None = None, index: int | None = None) -> Extraction:
        """Extracts the foreground of one image, starting where ``cold`` begins, and refines its mask.

        Args:
            image: ``(H, W, 3)`` uint8 RGB of any size.
            steps: Langevin steps; None takes the manifest's, of chains that start so.
            index: of the image among others, from 0: it gets its noise whether or not those before it were extracted. None
                goes on with the noise of the last call.

        Raises:
            EngineError: the chain diverged or the backend failed.
            UsageError: the image is not ``(H, W, 3)`` uint8, ``steps`` is below 1, or the model is one of a fixed camera.
        """
        if self.manifest.background == "input":
            raise UsageError(
                f"the model {self.manifest.name!r} is for the video of a fixed camera, whose background it learns while it runs; "
                "for a picture alone take another model"
            )
        count = self.cold.steps if steps is None else steps
        if count < 1:
            raise UsageError(f"{steps} steps are too few: give 1 or more")
        if index is not None:
            self.seek(index, count)
        found = self.trial(image, count)
        return found if self._refine == "none" else refine_extraction(image, found)

    def refined(self, image: Image, probability: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A probability ``(H, W)`` uint8 that was read of ``image (H, W, 3)`` uint8 RGB, refined as ``extract`` does."""
        return probability if self._refine == "none" else cut_again(image, probability).probability

    def seek(self, index: int, steps: int | None = None) -> None:
        """Makes the noise of image ``index``, from 0, the next one, where every image before it takes ``steps`` steps."""
        draws = self.sampler.draws(self.cold.steps if steps is None else steps, start=not self.cold.is_learned)
        self.sampler.seek(index * draws)

    def trial(self, image: Image, steps: int) -> Extraction:
        """``steps`` steps as of ``extract``, not refined; of a model of a fixed camera only the time they take has a meaning.

        Raises:
            EngineError: the chain diverged or the backend failed.
            UsageError: the image is not ``(H, W, 3)`` uint8.
        """
        sizes = self.cold.sizes(steps)

        def chain(tensor: Array) -> tuple[PosteriorSample, int]:
            return self.sampler.run(tensor, self.cold.z(tensor), steps, sizes), steps

        return self.reader.read(image, chain)

    def track(
        self,
        *,
        steps: int | None = None,
        budget: int | None = None,
        adaptation: Adaptation = Adaptation(),  # noqa: B008
    ) -> Track:
        """A track for one video: each frame's chain starts from the last frame's latent.

        Args:
            steps: for an ordinary frame; None takes the manifest's ``track_steps``. The first frame is a cold start.
            budget: the most steps for a frame after the first, where the scene has changed; None sets no limit.
            adaptation: how a model of any fixed camera follows its camera; others ignore it.

        Raises:
            UsageError: ``steps`` is below 1.
        """
        if self.manifest.background == "input":
            return CameraTrack(self.sampler, self.reader, self.manifest, steps, budget, adaptation)
        return Track(self.sampler, self.reader, self.manifest.sampler, steps, budget, self.cold)
