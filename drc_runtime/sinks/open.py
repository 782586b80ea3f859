"""Where results go: checked before the first frame is read, so that nothing a user had is lost, then opened."""

from importlib.util import find_spec
from pathlib import Path

from drc_runtime.errors import OutputError, UsageError
from drc_runtime.frames import Sink, Source
from drc_runtime.images import IMAGE_SUFFIXES
from drc_runtime.sinks.av_video import ALPHA, OPAQUE, AvVideoSink, part_of, require_av
from drc_runtime.sinks.opencv_video import CODECS, OpenCVVideoSink
from drc_runtime.sinks.png import ImageSink, MaskSink
from drc_runtime.views.controls import Controls
from drc_runtime.views.views import Views

VIDEOS = CODECS.keys() | OPAQUE.keys()


def open_sinks(
    source: Source,
    views: Views,
    controls: Controls,
    *,
    out: Path | None,
    masks: Path | None,
    soft: bool = False,
    alpha: bool = False,
    audio: bool = True,
) -> list[Sink]:
    """The sinks for checked outputs.

    What is written is the view that the run was started with; of still images that is the cut-out where ``overlay`` was
    asked for: an image is kept for use, not for looking at.

    Raises:
        OutputError: a folder cannot be made, or a file cannot be written there.
    """
    sinks: list[Sink] = []
    if masks is not None:
        sinks.append(MaskSink(masks, soft=soft, controls=controls))
    if out is None:
        return sinks
    if source.rate is None or out.suffix.lower() not in VIDEOS:
        use = alpha or controls.views[0] == "overlay"
        sinks.append(ImageSink(out, views.cutout if use else views.started))
    elif uses_av(out):
        # What cannot be read a second time is written so that it plays even if this process is killed.
        track = next((path for path in sorted(source.paths) if path.is_file()), None) if audio else None
        view = views.cutout if alpha else views.started
        live = not source.paths
        sinks.append(AvVideoSink(out, source.rate, view, alpha=alpha, audio=track, live=live, failures=source.failures))
    else:
        sinks.append(OpenCVVideoSink(out, source.rate, views.started, hold=source.live))
    return sinks


def uses_av(out: Path) -> bool:
    """Whether PyAV writes this video; OpenCV's writer keeps neither the sound nor a variable rate."""
    return out.suffix.lower() in OPAQUE and find_spec("av") is not None


def check_outputs(
    source: Source, *, out: Path | None, masks: Path | None, background: str, overwrite: bool, alpha: bool = False
) -> None:
    """Refuses outputs that do not fit the source, that would replace what is read, or that exist already.

    Raises:
        UsageError: as said above.
        MissingDependencyError: only PyAV writes such a video, and it is not installed.
        OutputError: the place cannot be looked at.
    """
    inputs = set(source.paths)
    if Path(background).is_file():
        inputs.add(Path(background).resolve())
    try:
        if out is not None:
            _check_kind(source, out, alpha)
            if out.suffix.lower() in IMAGE_SUFFIXES | VIDEOS:
                _check_file(out, inputs, overwrite)
            else:
                _check_folder("--out", out, source, overwrite)
        if masks is not None:
            _check_folder("--masks", masks, source, overwrite)
        if out is not None and masks is not None and masks.resolve() in (out.resolve(), out.resolve().parent):
            if source.rate is None or masks.resolve() == out.resolve():
                raise UsageError(f"--out {out} and --masks {masks} would overwrite each other; name two folders")
    except OSError as error:
        raise OutputError(f"cannot write to {error.filename}: {error.strerror}; choose another place") from error


def _check_kind(source: Source, out: Path, alpha: bool) -> None:
    suffix = out.suffix.lower()
    if source.rate is not None:
        if alpha and suffix not in ALPHA and suffix:
            raise UsageError(
                f"--out {out}: {suffix} holds no transparency; use {' or '.join(ALPHA)}, or a folder for PNG"
            )
        if not alpha and suffix not in VIDEOS:
            known = " or ".join(sorted(VIDEOS))
            raise UsageError(f"--out {out}: a video is written as {known}; for images use --masks DIR")
        if suffix in VIDEOS - CODECS.keys():
            require_av()
    elif suffix in VIDEOS:
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
    if path.suffix.lower() in VIDEOS and part_of(path).exists() and not overwrite:
        raise UsageError(f"{part_of(path)} is what a broken run left; move it away or add --overwrite")


def _check_folder(option: str, folder: Path, source: Source, overwrite: bool) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{option} {folder} is a file; name a folder")
    # The result of an image has the image's name; that of a video's frame cannot be mistaken for the video.
    read_from = {read if read.is_dir() else read.parent for read in source.paths} if source.rate is None else set()
    if any(folder.samefile(place) for place in read_from):
        raise UsageError(f"{option} {folder} is where the images are read from; choose another folder")
    if not overwrite and any(folder.iterdir()):
        raise UsageError(f"{option} {folder} is not empty; choose another folder or add --overwrite")
