"""Opens what a user writes as SOURCE."""

import glob
import os
import re
from pathlib import Path

from drc_runtime.errors import SourceError, UsageError
from drc_runtime.frames import Source
from drc_runtime.image_formats import is_image_file
from drc_runtime.images import clip_of, is_listed, natural_key
from drc_runtime.plain_text import without_secrets
from drc_runtime.samples import sample_path
from drc_runtime.sources.files import FolderSource, ImageSource, VideoSource
from drc_runtime.sources.live import Notice, open_camera, open_stream
from drc_runtime.sources.refusals import why_no_file
from drc_runtime.sources.stdin import RawLayout, RawStream, StdinImage

STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https")


def open_source(spec: str, *, raw: str | None = None, notice: Notice | None = None) -> Source:
    """Opens a source.

    ``webcam``, ``webcam:N`` and ``/dev/videoN`` are cameras; an rtsp or http address is a stream; ``sample`` and
    ``sample:NAME`` are bundled clips; ``-`` is standard input. Anything else is a path: an image, a folder of images,
    a video, or a pattern such as ``images/*.jpg``. A file or folder with the name ``webcam`` is ``./webcam``.

    Args:
        spec: one of these.
        raw: the layout of raw frames on standard input, see ``RawLayout.parse``.
        notice: called with one line, from any thread, when a live source is lost and when it is back.

    Raises:
        UsageError: not a valid camera or address, or ``raw`` without ``-``.
        SourceError: it does not exist or cannot be read.
    """
    if raw is not None and spec != "-":
        raise UsageError(f"--raw describes frames on standard input; write - instead of {spec}")
    if spec == "-":
        return StdinImage() if raw is None else RawStream(RawLayout.parse(raw))
    word, _, detail = spec.partition(":")
    if word == "webcam":
        if not re.fullmatch(r"(webcam)|(webcam:[0-9]{1,3})", spec):
            raise UsageError(f"{spec} is not a camera; write webcam, or webcam:1 for the second one")
        return open_camera(int(detail or 0), notice)
    if match := re.fullmatch(r"/dev/video([0-9]{1,3})", spec):
        return open_camera(int(match[1]), notice)
    if word == "sample":
        return VideoSource(sample_path(detail or "scene"))
    if detail.startswith("//"):
        if word.lower() not in STREAM_SCHEMES:
            raise UsageError(f"{word}:// is not supported; write an address with {'://, '.join(STREAM_SCHEMES)}://")
        return open_stream(spec, notice)
    if detail.startswith("/") and word.lower() in STREAM_SCHEMES:
        raise UsageError(f"{without_secrets(spec)} has one slash after {word}:, an address has two: {word}://HOST/PATH")
    return _open_path(Path(spec))


def _open_path(path: Path) -> Source:
    try:
        if path.is_dir():
            clip = clip_of(path)
            return FolderSource(path) if clip is None else VideoSource(clip)
        there = path.is_file()
        problem = None if there else why_no_file(path)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    if problem is not None:
        raise SourceError(problem)
    if not there and glob.has_magic(str(path)):
        return _open_pattern(str(path))
    if not there:
        raise SourceError(f"{path} is not there; SOURCE is an image, a folder, a video, webcam, sample or an address")
    try:
        return ImageSource(path) if is_image_file(path) else VideoSource(path)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def _open_pattern(pattern: str) -> Source:
    """The images that match a pattern; a single match is opened like a path."""
    found = sorted(
        (Path(name) for name in glob.glob(pattern, recursive=True) if os.path.exists(name)),
        key=lambda path: natural_key(str(path)),
    )
    images = [path for path in found if is_listed(path)]
    if len(found) == 1:
        return _open_path(found[0])
    if not images:
        raise SourceError(f"no image is named by {pattern}; put the pattern into quotes and check its folder")
    return FolderSource(Path(os.path.commonpath([path.parent.resolve() for path in images])), images)
