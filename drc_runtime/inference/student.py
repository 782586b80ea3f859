"""The student of a bundle: the mask of an image in one forward pass, without a chain. A frame knows nothing of the one before."""

import time
from pathlib import Path

import cv2
import numpy as np

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import STUDENT, Manifest
from drc_runtime.engines import load_engine
from drc_runtime.engines.protocol import Array, Engine
from drc_runtime.errors import EngineError, UsageError
from drc_runtime.images import Image
from drc_runtime.inference.cut import refine_extraction
from drc_runtime.inference.extraction import Extraction
from drc_runtime.inference.mask import probability_of
from drc_runtime.inference.options import check_refinement
from drc_runtime.preprocess import to_tensor

LOG_ODDS = "log_odds"


class StudentExtractor:
    """A loaded student. Use it in one thread at a time.

    Attributes:
        manifest: of the bundle.
    """

    def __init__(
        self,
        bundle: Path | str,
        *,
        threads: int | None = None,
        engine: str = "onnxruntime",
        precision: str = "fp32",
        refine: str = "none",
    ) -> None:
        """Loads and checks a bundle; of its graphs only the student's.

        Args:
            bundle: the bundle's folder.
            threads: CPU cores to use; None takes all that this process may use.
            engine: the backend, one of ``drc_runtime.engines.ENGINES``.
            precision: ``fp32``, or ``fp16`` if the bundle has it.
            refine: what follows a mask, one of ``REFINEMENTS``. ``cut`` costs tens of milliseconds.

        Raises:
            BundleError: the bundle is damaged, or lacks what the backend or the precision needs.
            EngineError: the backend cannot run it, or the graph is none of a student.
            MissingDependencyError: the backend's package is not installed.
            UsageError: the backend, precision or refinement is unknown, or the bundle has no student.
        """
        loaded = Bundle.load(Path(bundle)).at_precision(precision)
        check_student(loaded.manifest)
        self._set_up(load_engine(engine, loaded, threads), loaded.manifest, refine)

    @classmethod
    def over(cls, engine: Engine, manifest: Manifest, refine: str = "none") -> "StudentExtractor":
        """A StudentExtractor with an engine that is already loaded and has a student."""
        extractor = cls.__new__(cls)
        extractor._set_up(engine, manifest, refine)
        return extractor

    def _set_up(self, engine: Engine, manifest: Manifest, refine: str) -> None:
        check_refinement(refine)
        self.manifest, self._refine = manifest, refine
        self._bound = engine.bind(STUDENT, (LOG_ODDS,))
        shape = {name: array.shape for name, array in self._bound.inputs.items()}.get("image", ())
        if len(shape) != 4 or shape[1] != 3 or len(self._bound.inputs) != 1:
            raise EngineError(f"graph {STUDENT} takes no image alone: it is not the student of a run")
        self._size = shape[2], shape[3]

    def log_odds(self, image: Image) -> Array:
        """The foreground's log-odds ``(h, w)`` at the student's own size.

        Args:
            image: ``(H, W, 3)`` uint8 RGB of any size.

        Raises:
            EngineError: the backend failed, or its output is not finite or no plane of the image's size.
            UsageError: the image is not ``(H, W, 3)`` uint8.
        """
        np.copyto(self._bound.inputs["image"], to_tensor(image, self._size))
        self._bound.run()
        found = self._bound.outputs[LOG_ODDS]
        if found.shape[1:] != (1, *self._size) or not np.isfinite(found).all():
            raise EngineError(
                f"graph {STUDENT}: its output is not finite, or no plane of {self._size[0]}x{self._size[1]}"
            )
        return np.asarray(found[0, 0], np.float32)

    def extract(self, image: Image) -> Extraction:
        """The foreground of an image or frame ``(H, W, 3)`` uint8 RGB; errors as of ``log_odds``."""
        begun = time.monotonic()
        plane = self.log_odds(image)
        passed = time.monotonic()
        scaled = cv2.resize(plane, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
        probability = probability_of(np.asarray(scaled, np.float32))
        milliseconds = {"student": 1000 * (passed - begun), "mask": 1000 * (time.monotonic() - passed)}
        found = Extraction(probability, None, 0, milliseconds, begun)
        return found if self._refine == "none" else refine_extraction(image, found)


def check_student(manifest: Manifest) -> None:
    """Refuses a bundle without a student.

    Raises:
        UsageError: there is none; the message says how to make one.
    """
    if STUDENT not in manifest.graphs:
        raise UsageError(
            f"--student: the model {manifest.name!r} has none; drc train FOLDER --out RUN --student makes it, then drc export RUN"
        )
