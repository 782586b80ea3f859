"""The worker of ``drc batch``: extracts the items that Ray gives it."""

import os
import shutil
import uuid
from pathlib import Path
from typing import Any

from drc_runtime.errors import DRCError, SourceError
from drc_runtime.frames import Frame
from drc_runtime.images import is_listed, read_image
from drc_runtime.inference.extractor import Extractor
from drc_runtime.pipeline.options import ModelOptions
from drc_runtime.sinks.png import MaskSink
from drc_runtime.sources.files import VideoSource


class ExtractionActor:
    """The worker of a batch: one engine, loaded once.

    Args:
        model: which model runs, and how; with a bundle, and always with one thread.
        soft: masks keep the probability instead of 0 and 255.
    """

    def __init__(self, model: ModelOptions, soft: bool) -> None:
        assert model.bundle is not None
        self._extractor = Extractor(
            model.bundle,
            threads=1,
            mask=model.mask,
            seed=model.seed,
            engine=model.engine,
            precision=model.precision,
        )
        self._model, self._soft = model, soft

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Extracts a batch of ``path`` and ``target``; an item that fails does not fail the others."""
        failures: list[str] = []
        written: list[bool] = []
        for path, target in zip(batch["path"], batch["target"], strict=True):
            failure, done = "", False
            try:
                # Checked again here: after a worker's death its batch is repeated, and some of its items may be done.
                if not Path(target).exists():
                    self._extract(Path(path), Path(target))
                    done = True
            except DRCError as error:
                failure = f"{path}: {error}"
            failures.append(failure)
            written.append(done)
        return {"failure": failures, "written": written}

    def _extract(self, path: Path, target: Path) -> None:
        self._extractor.sampler.reseed(self._model.seed)
        if is_listed(path):
            image = read_image(path)
            extraction = self._extractor.extract(image, steps=self._model.steps)
            self._masks(target.parent).write(Frame(image, 0, 0.0, target.stem), extraction)
        else:
            self._extract_video(path, target)

    def _extract_video(self, path: Path, target: Path) -> None:
        stage = target.with_name(f".{target.name[:40]}.{uuid.uuid4().hex}.part")
        try:
            track, masks = self._extractor.track(steps=self._model.steps), self._masks(stage)
            with VideoSource(path) as frames:
                for frame in frames:
                    masks.write(frame, track.step(frame.image))
                if frames.failures:
                    raise SourceError(frames.failures[0])
            os.replace(stage, target)
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def _masks(self, folder: Path) -> MaskSink:
        return MaskSink(folder, soft=self._soft)
