"""Folders of images as jobs that can be taken up again: what is complete, and was made in the same way, is not made twice."""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from drc_runtime import __version__
from drc_runtime.atomic import atomic_write
from drc_runtime.bundle.manifest import MANIFEST
from drc_runtime.errors import OutputError, UsageError
from drc_runtime.frames import Source
from drc_runtime.sources.files import FolderSource

JOB_FILE = ".drc-job.json"


class Job:
    """One run over a folder of images.

    Each output folder gets a file that says how its results were made. Results appear whole or not at all, so an image is
    done if every output folder has its result, made after this job began and after the image was last changed.

    Args:
        outputs: the folders, each of which gets ``NAME.png`` for every image.
        settings: what decides the results: the bundle's hash, steps, seed and so on.
    """

    def __init__(self, outputs: Sequence[Path], settings: dict[str, Any]) -> None:
        self._outputs, self._settings = outputs, settings
        self._begun: dict[Path, int] = {}

    def check(self) -> None:
        """Whether the job can be taken up again; output folders that are missing or empty begin with this run.

        Raises:
            UsageError: results in an output folder are not those of this job, or were made with other settings.
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
            if earlier != self._settings:
                other = [
                    key
                    for key, value in self._settings.items()
                    if not (isinstance(earlier, dict) and earlier.get(key) == value)
                ]
                what = ", ".join(other) or "settings"
                raise UsageError(
                    f"--resume: {folder} was made with another {what}; name another folder or --overwrite it"
                )

    def begin(self) -> None:
        """Writes into the output folders how their results are made, where an earlier run has not.

        Raises:
            OutputError: it cannot be written.
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


def open_job(
    source: Source, outputs: list[Path], bundle: Path, settings: dict[str, object], resume: bool
) -> Job | None:
    """The job of a run over a folder of images; None for other sources. ``settings`` are those beside the bundle.

    Raises:
        UsageError: there is nothing to resume, see ``Job.check``.
        OutputError: an output folder cannot be read.
    """
    if not isinstance(source, FolderSource):
        if resume:
            raise UsageError("--resume goes on with a folder of images; an image or a video is done from its beginning")
        return None
    manifest = bundle / MANIFEST  # which holds the graphs' hashes
    digest = sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else None
    job = Job(outputs, {"bundle": digest, "version": __version__, **settings})
    if resume:
        job.check()
        source.is_done = job.is_done
    return job
