"""The worker of ``drc batch``: extracts the items that Ray gives it."""

import os
import uuid
from pathlib import Path
from typing import Any

from drc_runtime.atomic import publish
from drc_runtime.errors import DRCError, OutputError, SourceError
from drc_runtime.frames import Frame
from drc_runtime.images import is_listed, read_image
from drc_runtime.inference.extractor import Extractor
from drc_runtime.outputs import State, claim_folder, remove_own, state_of, temporary_name
from drc_runtime.pipeline.job_file import digest, read_job_files
from drc_runtime.pipeline.options import ModelOptions
from drc_runtime.pipeline.resume import Job
from drc_runtime.sinks.png import MaskSink
from drc_runtime.sources.files import VideoSource


class ExtractionActor:
    """The worker of a batch: one engine, loaded once.

    Args:
        model: which model runs, and how; with a bundle, and always with one thread.
        soft: masks keep the probability instead of 0 and 255.
        job: of the batch.
    """

    def __init__(self, model: ModelOptions, soft: bool, job: Job) -> None:
        assert model.bundle is not None
        self._extractor = Extractor(
            model.bundle,
            threads=1,
            mask=model.mask,
            seed=model.seed or 0,
            engine=model.engine,
            precision=model.precision,
            sampling=model.sampling,
            refine=model.refinement,
        )
        self._model, self._soft, self._job = model, soft, job
        self._writer = uuid.uuid4().hex

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Extracts a batch of ``path`` and ``target``; an item that fails does not fail the others."""
        failures: list[str] = []
        written: list[bool] = []
        for path, target in zip(batch["path"], batch["target"], strict=True):
            failure, done = "", False
            try:
                done = self._extract_unless_done(Path(path), Path(target))
            except DRCError as error:
                failure = f"{path}: {error}"
            failures.append(failure)
            written.append(done)
        return {"failure": failures, "written": written}

    def _extract_unless_done(self, path: Path, target: Path) -> bool:
        """Extracts an item; returns False if another worker has done so.

        After a worker's death its batch is repeated, so that some of its items may be done or be done by two workers.
        """
        try:
            source = digest(path)
        except OSError as error:
            raise SourceError(f"cannot read {path}: {error.strerror}") from error
        if self._is_done(target, source):
            return False
        try:
            with claim_folder("--masks", target.parent, overwrite=True, exclusive=False) as claim:
                self._job.begin(claim, writer=self._writer, sources={target.name: source})
                return self._extract(path, target, source)
        except OutputError:
            if self._is_done(target, source):
                return False
            raise

    def _is_done(self, target: Path, source: str) -> bool:
        if state_of(target) is State.MISSING:
            return False
        result = read_job_files(target.parent).results.get(target.name)
        return (
            result is not None
            and (result.job, result.source) == (self._job.id, source)
            and (digest(target) == result.sha256)
        )

    def _extract(self, path: Path, target: Path, source: str) -> bool:
        self._extractor.sampler.reseed(self._model.seed or 0)
        if not is_listed(path):
            return self._extract_video(path, target, source)
        image = read_image(path)
        extraction = self._extractor.extract(image, steps=self._model.steps)
        self._masks(target.parent).write(Frame(image, 0, 0.0, target.stem), extraction)
        return True

    def _extract_video(self, path: Path, target: Path, source: str) -> bool:
        stage, aside = temporary_name(target), temporary_name(target)
        try:
            track, masks = self._extractor.track(steps=self._model.steps), self._masks(stage)
            with VideoSource(path) as frames:
                for frame in frames:
                    masks.write(frame, track.step(frame.image))
                if frames.failures:
                    raise SourceError(frames.failures[0])
            if self._is_done(target, source):
                return False
            if self._job.is_damaged(target) or state_of(target) is State.OURS:
                os.replace(target, aside)  # a folder is not replaced by a rename
            publish(stage, target)
            return True
        except OSError as error:
            raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
        finally:
            remove_own(stage)
            remove_own(aside)

    def _masks(self, folder: Path) -> MaskSink:
        return MaskSink(folder, soft=self._soft)
