"""Resumes a run over a folder of images: images whose results are complete and of the same settings are skipped."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from drc_runtime.atomic import atomic_write
from drc_runtime.bundle.manifest import MANIFEST
from drc_runtime.errors import OutputError, UsageError
from drc_runtime.frames import Source
from drc_runtime.pipeline.options import DEFAULT_BACKGROUND, DEFAULT_THRESHOLD, ModelOptions, OutputOptions
from drc_runtime.sources.files import FolderSource
from drc_runtime.version import __version__

JOB_FILE = ".drc-job.json"


class Job:
    """One run over a folder of images.

    Each output folder gets a file with the settings of its results. Results appear whole or not at all, so an image is done
    if every output folder has its result, written after this job began and after the image was last changed.

    Args:
        outputs: the folders, each of which gets ``NAME.png`` for every image.
        settings: all that decides the results: the bundle's hash, steps, seed and others.
    """

    def __init__(self, outputs: Sequence[Path], settings: Mapping[str, Any]) -> None:
        self._outputs, self._settings = outputs, settings
        self._begun: dict[Path, int] = {}

    def check(self) -> None:
        """Checks that every output folder is missing, empty, or written with these settings.

        Raises:
            UsageError: an output folder holds results of other settings, or of no run over a folder.
            OutputError: the folder cannot be read.
        """
        for folder in self._outputs:
            try:
                if not folder.is_dir() or not any(folder.iterdir()):
                    continue
                earlier = json.loads((folder / JOB_FILE).read_text())
                self._begun[folder] = (folder / JOB_FILE).stat().st_mtime_ns
            except (FileNotFoundError, ValueError) as error:
                raise UsageError(
                    f"--resume: {folder} does not say how its results were made; name another folder"
                ) from error
            except OSError as error:
                raise OutputError(f"cannot read {folder}: {error.strerror}") from error
            self._compare(folder, earlier)

    def begin(self) -> None:
        """Writes the settings into the output folders that do not have them from an earlier run.

        Raises:
            OutputError: they cannot be written.
        """
        for folder in self._outputs:
            if folder not in self._begun:
                atomic_write(folder / JOB_FILE, json.dumps(self._settings, indent=1).encode() + b"\n")
                self._begun[folder] = (folder / JOB_FILE).stat().st_mtime_ns

    def is_done(self, image: Path) -> bool:
        """Whether ``image`` has all its results."""
        try:
            changed = image.stat().st_mtime_ns
            return all(
                (folder / f"{image.stem}.png").stat().st_mtime_ns >= max(changed, begun)
                for folder, begun in self._begun.items()
            )
        except OSError:
            return False

    def _compare(self, folder: Path, earlier: Any) -> None:
        if earlier == self._settings:
            return
        known = earlier if isinstance(earlier, dict) else {}
        differing = [key for key, value in self._settings.items() if key not in known or known[key] != value]
        what = ", ".join(differing) or "settings"
        raise UsageError(f"--resume: {folder} was made with another {what}; name another folder or --overwrite it")


def open_job(source: Source, bundle: Path, model: ModelOptions, outputs: OutputOptions) -> Job | None:
    """The job of a run over a folder of images; None for other sources. With ``--resume`` it skips what is done.

    Raises:
        UsageError: there is nothing to resume, see ``Job.check``.
        OutputError: an output folder cannot be read.
    """
    if not isinstance(source, FolderSource):
        if outputs.resume:
            raise UsageError("--resume continues a folder of images; an image or a video is done from its beginning")
        return None
    job = Job(outputs.paths, job_settings(bundle, model, outputs))
    if outputs.resume:
        job.check()
        source.is_done = job.is_done
    return job


def job_settings(bundle: Path, model: ModelOptions, outputs: OutputOptions) -> dict[str, Any]:
    """All that decides the results of a run over a folder, as JSON values."""
    manifest = bundle / MANIFEST  # it holds the graphs' hashes
    return {
        "bundle": sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else None,
        "version": __version__,
        "steps": model.steps,
        "mask": model.mask,
        "soft": outputs.soft,
        "threshold": DEFAULT_THRESHOLD if outputs.threshold is None else outputs.threshold,
        "alpha": outputs.alpha,
        "seed": model.seed,
        "background": outputs.background or DEFAULT_BACKGROUND,
        "engine": model.engine,
        "precision": model.precision,
    }
