"""What a user writes as SOURCE, opened."""

import re
from pathlib import Path

from drc_runtime.errors import SourceError, UsageError
from drc_runtime.preprocess import PICTURE_SUFFIXES
from drc_runtime.samples import sample_path
from drc_runtime.video.camera import open_camera, open_stream
from drc_runtime.video.files import FolderSource, PictureSource, VideoSource
from drc_runtime.video.frame import Source

STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https")


def open_source(spec: str) -> Source:
    """Opens ``webcam``, ``webcam:N``, ``sample``, ``sample:NAME``, an rtsp or http address, or a path.

    A path may be a picture, a folder of pictures or a video. A file or folder that is itself called ``webcam`` is
    reached as ``./webcam``.

    Raises:
        UsageError: the word is none of these.
        SourceError: it names something that is not there or cannot be read.
    """
    word, _, detail = spec.partition(":")
    if word == "webcam":
        if not re.fullmatch(r"(webcam)|(webcam:[0-9]{1,3})", spec):
            raise UsageError(f"{spec} is not a camera; write webcam, or webcam:1 for the second one")
        return open_camera(int(detail or 0))
    if word == "sample":
        return VideoSource(sample_path(detail or "scene"))
    if detail.startswith("//"):
        if word.lower() not in STREAM_SCHEMES:
            raise UsageError(f"{word}:// is not supported; write an address with {'://, '.join(STREAM_SCHEMES)}://")
        return open_stream(spec)
    return _open_path(Path(spec))


def _open_path(path: Path) -> Source:
    try:
        if path.is_dir():
            return FolderSource(path)
        there = path.is_file()
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    if not there:
        raise SourceError(f"{path} is not there; SOURCE is a picture, a folder, a video, webcam, sample or an address")
    return PictureSource(path) if path.suffix.lower() in PICTURE_SUFFIXES else VideoSource(path)
