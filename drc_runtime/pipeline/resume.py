"""A run over a folder: which of its results are complete, of the same settings and of the same sources.

``drc run --resume`` and ``drc batch`` skip these and do the others; see ``drc_runtime.pipeline.job_file``.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from drc_runtime.bundle.bundle import read_manifest
from drc_runtime.bundle.manifest import MANIFEST
from drc_runtime.errors import OutputError, UsageError
from drc_runtime.frames import Source
from drc_runtime.marks import is_damaged_png
from drc_runtime.outputs import NOT_OURS, Claim, State, state_of, visible
from drc_runtime.pipeline.job_file import JobFile, Result, digest, read_job_files
from drc_runtime.pipeline.options import DEFAULT_BACKGROUND, DEFAULT_THRESHOLD, ModelOptions, OutputOptions
from drc_runtime.sources.files import FolderSource
from drc_runtime.version import __version__


class Job:
    """One run over a folder.

    Args:
        settings: all that decides the results besides the sources: the bundle's hash, steps, seed and others.
        resumed: results of an earlier run with these settings are kept.

    Attributes:
        id: identifies the settings in a job file.
    """

    def __init__(self, settings: Mapping[str, Any], *, resumed: bool) -> None:
        self.settings = dict(settings)
        self.id = sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:16]
        self._resumed = resumed
        self._whole: dict[Path, dict[str, str]] = {}  # folder -> name -> hash of the source
        self._damaged: dict[Path, set[str]] = {}
        self._sources: dict[str, str] = {}

    def check(self, folders: Sequence[Path], names: Sequence[str], option: str) -> None:
        """Finds out what is complete in the output folders.

        Args:
            folders: each of them is missing, empty, or was written with these settings.
            names: of the results in each folder.
            option: how the message of a refusal begins.

        Raises:
            UsageError: a folder holds results of other settings or of unknown ones, or something that drc did not write
                stands in a result's place.
            OutputError: a folder cannot be read.
        """
        for folder in folders:
            whole = self._whole.setdefault(folder.resolve(), {})
            if not visible(folder):
                continue
            kept = read_job_files(folder)
            if kept.job is None:
                raise UsageError(f"{option}: {folder} does not say how its results were made; name another folder")
            self._compare(option, folder, kept.settings)
            for name in names:
                if state_of(folder / name) is State.MISSING:
                    continue
                result = kept.results.get(name)
                if result is not None and result.job == self.id and _hash(folder / name) == result.sha256:
                    whole[name] = result.source
                elif result is not None and _is_damaged(folder / name):
                    self._damaged.setdefault(folder.resolve(), set()).add(name)
                elif state_of(folder / name) is State.FOREIGN:
                    raise UsageError(f"{option}: {folder / name} {NOT_OURS}; move it away or name another folder")

    def is_done(self, source: Path, name: str) -> bool:
        """Whether the result ``name`` is complete in every output folder, and was made from what is in ``source`` now."""
        try:
            self._sources[name] = digest(source)
            made_from = [whole.get(name) for whole in self._whole.values()]
            if not made_from or set(made_from) != {self._sources[name]}:
                return False
            # As for make: who touches an image has it done again.
            changed = source.stat().st_mtime_ns
            return all((folder / name).stat().st_mtime_ns >= changed for folder in self._whole)
        except OSError:
            return False

    def is_damaged(self, target: Path) -> bool:
        """Whether ``check`` found a damaged result at ``target``, which may be replaced."""
        return target.name in self._damaged.get(target.parent.resolve(), ())

    def begin(self, claim: Claim, *, writer: str = "", sources: Mapping[str, str] | None = None) -> None:
        """Begins to write into an output folder.

        Args:
            claim: of the folder.
            writer: a worker of a batch, which finds the settings in place; see ``JobFile``.
            sources: hashes of the sources by the results' names, where ``is_done`` was not called in this process.
        """
        known = self._sources if sources is None else sources
        job_file = JobFile(claim.folder, writer)
        if not self._resumed:
            earlier = read_job_files(claim.folder).results
            claim.remove(lambda name: name in earlier)
        claim.replaceable |= self._damaged.get(claim.folder, set())
        if not writer:
            job_file.begin(self.id, self.settings)

        def note(name: str, content: Path) -> None:
            if name in known:
                job_file.add(name, Result(digest(content), known[name], self.id))

        claim.on_publish = note

    def _compare(self, option: str, folder: Path, earlier: Any) -> None:
        if earlier == self.settings:
            return
        known = earlier if isinstance(earlier, dict) else {}
        differing = [key for key in self.settings | known if known.get(key) != self.settings.get(key)]
        what = ", ".join(differing) or "settings"
        raise UsageError(f"{option}: {folder} was made with another {what}; name another folder")


def open_job(source: Source, bundle: Path, model: ModelOptions, outputs: OutputOptions) -> Job | None:
    """The job of a run over a folder of images; None for other sources. With ``--resume`` it skips what is done.

    Raises:
        UsageError: there is nothing to resume, see ``Job.check``.
        BundleError: there is no such bundle.
        OutputError: an output folder cannot be read.
    """
    if not isinstance(source, FolderSource):
        if outputs.resume:
            raise UsageError("--resume continues a folder of images; an image or a video is done from its beginning")
        return None
    job = Job(job_settings("run", bundle, model, outputs), resumed=outputs.resume)
    if outputs.resume:
        job.check(outputs.paths, [f"{path.stem}.png" for path in source.images], "--resume")
    source.is_done = lambda path: job.is_done(path, f"{path.stem}.png")
    return job


def job_settings(command: str, bundle: Path, model: ModelOptions, outputs: OutputOptions) -> dict[str, Any]:
    """All that decides the results of a run over a folder besides the sources, as JSON values.

    Args:
        command: ``run`` or ``batch``: they give images other noise.
        bundle: which is run.
        model: how it is run.
        outputs: how its results are written.

    Raises:
        BundleError: there is no such bundle.
    """
    read_manifest(bundle)
    background = outputs.background or DEFAULT_BACKGROUND
    # left out where they change nothing, so that runs from before these settings go on
    rest: dict[str, object] = {"temperature": model.temperature} if model.temperature else {}
    if model.from_noise:
        rest["from_noise"] = True
    if model.refinement != "none":
        rest["refine"] = model.refinement
    if model.student:
        rest["student"] = True
    return {
        **rest,
        "command": command,
        "bundle": digest(bundle / MANIFEST),  # it holds the graphs' hashes
        "version": __version__,
        "steps": model.steps,
        "mask": model.mask,
        "soft": outputs.soft,
        "threshold": DEFAULT_THRESHOLD if outputs.threshold is None else outputs.threshold,
        "alpha": outputs.alpha,
        "seed": model.seed or 0,
        "background": digest(Path(background)) if Path(background).is_file() else background,
        "engine": model.engine,
        "precision": model.precision,
    }


def _hash(path: Path) -> str:
    try:
        return digest(path)
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror}; choose another place") from error


def _is_damaged(path: Path) -> bool:
    """Whether nothing of a user's can be in a result of drc: it is a part of an image, or a folder of such and own files."""
    if path.is_symlink():
        return False
    if path.is_dir():
        entries = list(path.iterdir())
        return bool(entries) and all(state_of(entry) is State.OURS or _is_damaged(entry) for entry in entries)
    return path.is_file() and is_damaged_png(path.read_bytes())
