"""Checks outputs before the first frame is read, so that no file of a user is lost and no work is in vain."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from drc_runtime.errors import OutputError, UsageError
from drc_runtime.frames import Source
from drc_runtime.image_formats import IMAGE_SUFFIXES
from drc_runtime.outputs import check_file, check_folder, check_place
from drc_runtime.sinks.av_video import part_of
from drc_runtime.sinks.encoders import ALPHA
from drc_runtime.sinks.open import VIDEO_SUFFIXES


def check_outputs(
    source: Source,
    *,
    out: Path | None,
    folders: Mapping[str, Path],
    log: Path | None = None,
    background: str | None = None,
    alpha: bool = False,
    overwrite: bool = False,
    resume: bool = False,
) -> None:
    """Refuses outputs that do not fit the source, that would replace an input, that exist already, or that cannot be written.

    What exists is replaced only with ``overwrite``, and only if drc wrote it, see ``drc_runtime.outputs``.

    Args:
        source: opened; what it reads is an input.
        out: a video, a PNG or a folder, or None.
        folders: further ones, by the options that name them.
        log: a file, which is checked when it is opened; it must not be another output.
        background: if it is a file, it is an input too.
        alpha: ``out`` gets transparency.
        overwrite: allows outputs that exist, if drc wrote them.
        resume: allows folders whose results ``drc_runtime.pipeline.resume.Job`` has checked.

    Raises:
        UsageError: as said above.
        OutputError: a place cannot be written.
    """
    inputs = set(source.paths)
    if background is not None and Path(background).is_file():
        inputs.add(Path(background).resolve())
    try:
        if out is not None:
            _check_overlap(out, folders, log, source)
            _check_kind(source, out, alpha)
            if is_file(out):
                _check_file(out, inputs, overwrite)
            else:
                _check_folder("--out", out, source, overwrite, resume)
        for option, folder in folders.items():
            _check_apart(option, folder, folders)
            _check_folder(option, folder, source, overwrite, resume)
    except OSError as error:
        raise OutputError(f"cannot write to {error.filename}: {error.strerror}; choose another place") from error


def _check_kind(source: Source, out: Path, alpha: bool) -> None:
    suffix = out.suffix.lower()
    if not source.is_still:
        if alpha and suffix not in ALPHA and suffix:
            raise UsageError(
                f"--out {out}: {suffix} holds no transparency; use {' or '.join(ALPHA)}, or a folder for PNG"
            )
        if not alpha and suffix not in VIDEO_SUFFIXES:
            known = " or ".join(sorted(VIDEO_SUFFIXES))
            raise UsageError(f"--out {out}: a video is written as {known}; for images use --masks DIR")
    elif suffix in VIDEO_SUFFIXES:
        raise UsageError(f"--out {out}: images do not become a video; name a .png or a folder")
    elif suffix in IMAGE_SUFFIXES - {".png"}:
        raise UsageError(f"--out {out}: a cut-out needs transparency; name a .png or a folder")
    elif suffix == ".png" and any(path.is_dir() for path in source.paths):
        raise UsageError(f"--out {out}: a folder of images becomes a folder; leave out {suffix}")


def is_file(out: Path) -> bool:
    """Whether ``out`` names a video or an image; otherwise it is a folder."""
    return out.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES


def _check_apart(option: str, folder: Path, folders: Mapping[str, Path]) -> None:
    for other, place in folders.items():
        if other != option and place.resolve() == folder.resolve():
            raise UsageError(f"{option} {folder} and {other} {place} would overwrite each other; name two folders")


def _check_overlap(out: Path, folders: Mapping[str, Path], log: Path | None, source: Source) -> None:
    for option, folder in folders.items():
        # A file of the folder is in the way only if it can have the name of a result.
        within = folder.resolve() == out.resolve().parent and source.is_still
        if within or folder.resolve() == out.resolve():
            raise UsageError(f"--out {out} and {option} {folder} would overwrite each other; name two folders")
    if log is not None and log.resolve() in (out.resolve(), part_of(out).resolve()):
        raise UsageError(f"--out {out} and --log {log} would overwrite each other; name two files")


def _check_file(path: Path, inputs: set[Path], overwrite: bool) -> None:
    if path.is_dir():
        raise UsageError(f"--out {path} is a folder; name a file")
    if path.resolve() in inputs or (path.exists() and any(path.samefile(read) for read in inputs)):
        raise UsageError(f"--out {path} is an input of this run; choose another name")
    check_file("--out", path, overwrite, part_of(path))


def _check_folder(option: str, folder: Path, source: Source, overwrite: bool, resume: bool) -> None:
    check_place(option, folder)
    # The result of an image has the image's name; the result of a video's frame cannot replace the video.
    read_from = {read if read.is_dir() else read.parent for read in source.paths} if source.is_still else set()
    if folder.exists() and any(folder.samefile(place) for place in read_from):
        raise UsageError(f"{option} {folder} is where the images are read from; choose another folder")
    if not resume:
        check_folder(option, folder, overwrite, result_names(source))


def result_names(source: Source) -> Callable[[str], bool]:
    """Tells the names of the results of this source."""
    if source.is_still:
        names = {f"{path.stem}.png" for path in source.paths}
        return lambda name: name in names
    return lambda name: re.fullmatch(r"[0-9]{5,}\.png", name) is not None
