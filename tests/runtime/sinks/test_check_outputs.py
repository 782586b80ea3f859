"""Outputs that would replace a user's files, or do not fit the source, are refused before the first frame."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.atomic import atomic_write
from drc_runtime.errors import OutputError, UsageError
from drc_runtime.frames import Source
from drc_runtime.images import write_png
from drc_runtime.sinks.check_outputs import check_outputs


class Described(Source):
    """A source of which only the description counts."""

    count = None
    live = False
    failures: list[str] = []
    dropped = 0

    def __init__(self, paths: set[Path], rate: Fraction | None) -> None:
        self.paths, self.rate = frozenset(paths), rate

    def close(self) -> None:
        pass


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working folder with a video, and a folder with an image."""
    (tmp_path / "images").mkdir()
    for name in ("clip.mp4", "images/a.png", "precious.mp4", "precious.png"):
        (tmp_path / name).write_bytes(b"precious")
    atomic_write(tmp_path / "old.mp4", b"a video")
    (tmp_path / "full").mkdir()
    for name in ("old.png", "full/00000.png"):
        write_png(tmp_path / name, np.zeros((4, 4), np.uint8))
    (tmp_path / "empty").mkdir()
    return tmp_path


def check(place: Path, kind: str, *, overwrite: bool = False, background: str | None = None, **outputs: str) -> None:
    sources = {
        "video": Described({place / "clip.mp4"}, Fraction(25)),
        "camera": Described(set(), Fraction(30)),
        "image": Described({place / "images" / "a.png"}, None),
        "folder": Described({place / "images", place / "images" / "a.png"}, None),
    }
    out, log = (place / outputs[name] if name in outputs else None for name in ("out", "log"))
    folders = {f"--{name}": place / outputs[name] for name in ("masks", "uncertainty") if name in outputs}
    check_outputs(sources[kind], out=out, folders=folders, log=log, background=background, overwrite=overwrite)


@pytest.mark.parametrize(
    ("kind", "outputs"),
    [
        ("video", {"out": "new.mp4", "masks": "new"}),
        ("video", {"out": "new.AVI", "masks": "empty"}),
        ("video", {"out": "new.mp4", "masks": "."}),  # with overwrite, a folder that holds other things
        ("camera", {"out": "new.mp4"}),
        ("image", {"out": "new.png", "masks": "new"}),
        ("image", {"out": "new", "masks": "empty"}),
        ("folder", {"out": "new", "masks": "new2", "uncertainty": "empty"}),
        ("folder", {"out": "images/cut", "masks": "images/masks"}),
        ("folder", {"out": "v1.2"}),
    ],
)
def test_outputs_that_harm_nothing_pass(place: Path, kind: str, outputs: dict[str, str]) -> None:
    check(place, kind, overwrite=outputs.get("masks") == ".", **outputs)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("kind", "outputs", "reason"),
    [
        ("video", {"out": "clip.mp4"}, "is an input of this run"),
        ("video", {"out": "empty/../clip.mp4"}, "is an input of this run"),
        ("video", {"out": "link.mp4"}, "is an input of this run"),
        ("video", {"out": "hardlink.mp4"}, "is an input of this run"),
        ("video", {"out": "new.png"}, "a video is written as .avi or .mov or .mp4 or .webm"),
        ("video", {"out": "new"}, "a video is written as .avi or .mov or .mp4 or .webm"),
        ("video", {"out": "new.mkv"}, "a video is written as .avi or .mov or .mp4 or .webm"),
        ("video", {"masks": "old.png"}, "is a file; name a folder"),
        ("video", {"out": "new.mp4", "masks": "new.mp4"}, "would overwrite each other"),
        ("image", {"out": "images/a.png"}, "is an input of this run"),
        ("image", {"masks": "images"}, "is where the images are read from"),
        ("image", {"out": "new.mp4"}, "images do not become a video"),
        ("image", {"out": "new.jpg"}, "a cut-out needs transparency"),
        ("image", {"out": "new/a.png", "masks": "new"}, "would overwrite each other"),
        ("folder", {"out": "images"}, "is where the images are read from"),
        ("folder", {"masks": "empty/../images"}, "is where the images are read from"),
        ("folder", {"masks": "images-link"}, "is where the images are read from"),
        ("folder", {"out": "new.png"}, "a folder of images becomes a folder"),
        ("folder", {"out": "new", "masks": "new"}, "would overwrite each other"),
        ("folder", {"uncertainty": "images"}, "--uncertainty .* is where the images are read from"),
        ("folder", {"out": "new", "uncertainty": "new"}, "--uncertainty .* would overwrite each other"),
        ("folder", {"masks": "new", "uncertainty": "empty/../new"}, "would overwrite each other"),
        ("folder", {"out": "new.avi"}, "images do not become a video"),
    ],
)
def test_outputs_that_cannot_be_meant_are_refused(
    place: Path, kind: str, outputs: dict[str, str], reason: str, overwrite: bool
) -> None:
    (place / "link.mp4").symlink_to(place / "clip.mp4")
    (place / "hardlink.mp4").hardlink_to(place / "clip.mp4")
    (place / "images-link").symlink_to(place / "images")
    with pytest.raises(UsageError, match=reason):
        check(place, kind, overwrite=overwrite, **outputs)


@pytest.mark.parametrize(
    ("kind", "outputs"),
    [
        ("video", {"out": "precious.mp4"}),
        ("image", {"out": "precious.png"}),
        ("video", {"masks": "user"}),
        ("image", {"masks": "user"}),
        ("folder", {"out": "user"}),
        ("video", {"out": "dangling.mp4"}),
        ("video", {"out": "new.mp4"}),  # new.mp4.part is there
    ],
)
def test_what_drc_did_not_write_is_not_replaced_even_with_overwrite(place: Path, kind: str, outputs: dict) -> None:
    pytest.importorskip("av")
    (place / "user").mkdir()
    for name in ("00001.png", "a.png"):
        (place / "user" / name).write_bytes(b"precious")
    (place / "dangling.mp4").symlink_to(place / "elsewhere")
    (place / "new.mp4.part").write_bytes(b"a browser's download")
    with pytest.raises(UsageError, match="was not written by drc, or was changed since"):
        check(place, kind, overwrite=True, **outputs)


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        ({"out": "missing/new.mp4"}, "the folder .*missing does not exist"),
        ({"out": "clip.mp4/new.mp4"}, "the folder .*clip.mp4 is a file"),
        ({"masks": "clip.mp4/masks"}, "clip.mp4 is a file"),
        ({"out": "shut/new.mp4"}, "no permission to write into .*shut"),
        ({"masks": "shut/a/b"}, "no permission to write into .*shut"),
        ({"masks": "x" * 300}, "cannot write to"),
    ],
)
def test_a_place_that_cannot_be_written_is_found_before_any_work(
    place: Path, outputs: dict, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "shut").mkdir()
    access = os.access  # root may write everywhere
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "shut" and access(path, mode))
    with pytest.raises(OutputError, match=reason):
        check(place, "video", **outputs)


def test_a_log_is_no_other_output(place: Path) -> None:
    for log in ("new.mp4", "new.mp4.part"):
        with pytest.raises(UsageError, match="would overwrite each other"):
            check(place, "video", out="new.mp4", log=log)


@pytest.mark.parametrize(
    ("kind", "outputs"),
    [
        ("video", {"out": "old.mp4"}),
        ("video", {"masks": "full"}),
        ("image", {"out": "old.png"}),
        ("image", {"out": "full"}),
        ("folder", {"masks": "full"}),
        ("folder", {"uncertainty": "full"}),
    ],
)
def test_what_exists_is_replaced_only_if_that_is_said(place: Path, kind: str, outputs: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="--overwrite"):
        check(place, kind, **outputs)
    check(place, kind, overwrite=True, **outputs)


def test_a_folder_in_place_of_a_video_is_refused_even_with_overwrite(place: Path) -> None:
    (place / "folder.mp4").mkdir()
    with pytest.raises(UsageError, match="is a folder; name a file"):
        check(place, "video", out="folder.mp4", overwrite=True)


def test_the_background_is_an_input_too(place: Path) -> None:
    with pytest.raises(UsageError, match="is an input of this run"):
        check(place, "image", out="old.png", background=str(place / "old.png"), overwrite=True)
