"""Checks outputs before the first frame is read, so that no file of a user is lost."""

from pathlib import Path

from drc_runtime.errors import OutputError, UsageError
from drc_runtime.frames import Source
from drc_runtime.images import IMAGE_SUFFIXES
from drc_runtime.sinks.av_video import part_of
from drc_runtime.sinks.encoders import ALPHA
from drc_runtime.sinks.open import VIDEO_SUFFIXES


def check_outputs(
    source: Source,
    *,
    out: Path | None,
    masks: Path | None,
    background: str | None = None,
    alpha: bool = False,
    overwrite: bool = False,
) -> None:
    """Refuses outputs that do not fit the source, that would replace an input, or that exist already.

    Args:
        source: opened; what it reads is an input.
        out: a video, a PNG or a folder, or None.
        masks: a folder, or None.
        background: if it is a file, it is an input too.
        alpha: ``out`` gets transparency.
        overwrite: allows outputs that exist.

    Raises:
        UsageError: as said above.
        OutputError: the place cannot be looked at.
    """
    inputs = set(source.paths)
    if background is not None and Path(background).is_file():
        inputs.add(Path(background).resolve())
    try:
        if out is not None:
            _check_kind(source, out, alpha)
            if out.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES:
                _check_file(out, inputs, overwrite)
            else:
                _check_folder("--out", out, source, overwrite)
        if masks is not None:
            _check_folder("--masks", masks, source, overwrite)
        if out is not None and masks is not None and masks.resolve() in (out.resolve(), out.resolve().parent):
            if source.is_still or masks.resolve() == out.resolve():
                raise UsageError(f"--out {out} and --masks {masks} would overwrite each other; name two folders")
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


def _check_file(path: Path, inputs: set[Path], overwrite: bool) -> None:
    if path.is_dir():
        raise UsageError(f"--out {path} is a folder; name a file")
    if path.resolve() in inputs or (path.exists() and any(path.samefile(read) for read in inputs)):
        raise UsageError(f"--out {path} is an input of this run; choose another name")
    if path.exists() and not overwrite:
        raise UsageError(f"--out {path} exists; choose another name or add --overwrite")
    if path.suffix.lower() in VIDEO_SUFFIXES and part_of(path).exists() and not overwrite:
        raise UsageError(f"{part_of(path)} was left by an interrupted run; move it away or add --overwrite")


def _check_folder(option: str, folder: Path, source: Source, overwrite: bool) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{option} {folder} is a file; name a folder")
    # The result of an image has the image's name; the result of a video's frame cannot replace the video.
    read_from = {read if read.is_dir() else read.parent for read in source.paths} if source.is_still else set()
    if any(folder.samefile(place) for place in read_from):
        raise UsageError(f"{option} {folder} is where the images are read from; choose another folder")
    if not overwrite and any(folder.iterdir()):
        raise UsageError(f"{option} {folder} is not empty; choose another folder or add --overwrite")
