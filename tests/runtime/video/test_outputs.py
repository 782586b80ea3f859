"""Outputs that would cost a user something are refused before the first frame."""

from fractions import Fraction
from pathlib import Path

import pytest

from drc_runtime.errors import UsageError
from drc_runtime.video import Source
from drc_runtime.video.outputs import check_outputs


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
    """A working folder with a video, and a folder with a picture."""
    (tmp_path / "pictures").mkdir()
    for name in ("clip.mp4", "pictures/a.png", "old.mp4", "old.png"):
        (tmp_path / name).write_bytes(b"precious")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "00000.png").touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def check(place: Path, kind: str, *, overwrite: bool = False, background: str = "overlay", **outputs: str) -> None:
    sources = {
        "video": Described({place / "clip.mp4"}, Fraction(25)),
        "camera": Described(set(), Fraction(30)),
        "picture": Described({place / "pictures" / "a.png"}, None),
        "folder": Described({place / "pictures", place / "pictures" / "a.png"}, None),
    }
    paths = {name: place / outputs[name] if name in outputs else None for name in ("out", "masks")}
    check_outputs(sources[kind], background=background, overwrite=overwrite, **paths)


@pytest.mark.parametrize(
    ("kind", "outputs"),
    [
        ("video", {"out": "new.mp4", "masks": "new"}),
        ("video", {"out": "new.AVI", "masks": "empty"}),
        ("video", {"out": "new.mp4", "masks": "."}),  # with overwrite, a folder that holds other things
        ("camera", {"out": "new.mp4"}),
        ("picture", {"out": "new.png", "masks": "new"}),
        ("picture", {"out": "new", "masks": "empty"}),
        ("folder", {"out": "new", "masks": "new2"}),
        ("folder", {"out": "pictures/cut", "masks": "pictures/masks"}),
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
        ("picture", {"out": "pictures/a.png"}, "is an input of this run"),
        ("picture", {"masks": "pictures"}, "is where the pictures are read from"),
        ("picture", {"out": "new.mp4"}, "pictures do not become a video"),
        ("picture", {"out": "new.jpg"}, "a cut-out needs transparency"),
        ("picture", {"out": "new/a.png", "masks": "new"}, "would overwrite each other"),
        ("folder", {"out": "pictures"}, "is where the pictures are read from"),
        ("folder", {"masks": "empty/../pictures"}, "is where the pictures are read from"),
        ("folder", {"masks": "pictures-link"}, "is where the pictures are read from"),
        ("folder", {"out": "new.png"}, "a folder of pictures becomes a folder"),
        ("folder", {"out": "new", "masks": "new"}, "would overwrite each other"),
        ("folder", {"out": "new.avi"}, "pictures do not become a video"),
    ],
)
def test_outputs_that_cannot_be_meant_are_refused(
    place: Path, kind: str, outputs: dict[str, str], reason: str, overwrite: bool
) -> None:
    (place / "link.mp4").symlink_to(place / "clip.mp4")
    (place / "hardlink.mp4").hardlink_to(place / "clip.mp4")
    (place / "pictures-link").symlink_to(place / "pictures")
    with pytest.raises(UsageError, match=reason):
        check(place, kind, overwrite=overwrite, **outputs)


@pytest.mark.parametrize(
    ("kind", "outputs"),
    [
        ("video", {"out": "old.mp4"}),
        ("video", {"masks": "full"}),
        ("picture", {"out": "old.png"}),
        ("picture", {"out": "full"}),
        ("folder", {"masks": "full"}),
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
        check(place, "picture", out="old.png", background=str(place / "old.png"), overwrite=True)
