"""What a user can write as SOURCE."""

from pathlib import Path

import pytest

from drc_runtime import samples
from drc_runtime.errors import SourceError, UsageError
from drc_runtime.samples import sample_bundle, sample_path
from drc_runtime.sources import open as sources
from drc_runtime.sources.open import open_source


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("webcam:", "webcam: is not a camera"),
        ("webcam:front", "webcam:front is not a camera"),
        ("webcam:-1", "is not a camera"),
        ("ftp://host/a.mp4", "ftp:// is not supported"),
        ("sample:birds", "no sample is called 'birds'; there are: scene, sprites"),
    ],
)
def test_words_that_are_no_source_are_usage_errors(spec: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        open_source(spec)


@pytest.mark.parametrize("spec", ["gone.mp4", "gone", "x" * 5000])
def test_paths_that_are_not_there_are_source_errors(spec: str) -> None:
    with pytest.raises(SourceError):
        open_source(spec)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no images in"):
        open_source(str(tmp_path))


@pytest.mark.parametrize(("spec", "number"), [("webcam", 0), ("webcam:2", 2), ("/dev/video3", 3)])
def test_the_number_of_a_camera(monkeypatch: pytest.MonkeyPatch, spec: str, number: int) -> None:
    monkeypatch.setattr(sources, "open_camera", lambda given, notice: given)
    assert open_source(spec) == number


def test_samples_lie_in_the_package_or_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "drc_runtime"
    monkeypatch.setattr(samples, "__file__", str(package / "samples.py"))
    with pytest.raises(SourceError, match="lacks bundle of the sample scene"):
        sample_bundle("scene")
    checkout = tmp_path / "samples" / "scene" / "bundle"
    checkout.mkdir(parents=True)
    assert sample_bundle("scene") == checkout
    installed = package / "_samples" / "scene" / "bundle"
    installed.mkdir(parents=True)
    assert sample_bundle("scene") == installed


def test_sample_stands_for_the_scene(make_video, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video("clip.mp4", frames=3)
    asked = []
    monkeypatch.setattr(sources, "sample_path", lambda name: asked.append(name) or path)
    for spec in ("sample", "sample:scene", "sample:sprites"):
        with open_source(spec) as source:
            assert source.count == 3
    assert asked == ["scene", "scene", "sprites"]


def test_every_sample_has_its_clip() -> None:
    for name in samples.SAMPLES:
        assert sample_path(name).is_file()


def test_a_folder_names_and_counts_what_it_cannot_read_and_leaves_nothing_out(tmp_path: Path, image, save) -> None:
    save(tmp_path / "1.jpg", image).rename(tmp_path / "1.jfif")
    save(tmp_path / "2.png", image).rename(tmp_path / "2.dat")
    (tmp_path / "3.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (tmp_path / "4.jpg").write_bytes(b"\0\0\0\x1cftypavif\0\0\0\0mif1avif")
    (tmp_path / "notes.txt").write_text("no image")
    with open_source(str(tmp_path)) as source:
        assert source.count == 4
        assert [frame.name for frame in source] == ["1", "2"]
    assert len(source.failures) == 2
    assert "3.heic is an image of the kind HEIC" in source.failures[0] and "4.jpg is" in source.failures[1]


def test_what_a_file_is_does_not_hang_on_its_name(tmp_path: Path, image, save, make_video) -> None:
    save(tmp_path / "a.png", image).rename(tmp_path / "a.mp4")
    make_video("b.avi").rename(tmp_path / "b.jpg")
    with open_source(str(tmp_path / "a.mp4")) as source:
        assert source.is_still
    with open_source(str(tmp_path / "b.jpg")) as source:
        assert not source.is_still
    (tmp_path / "c.mov").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(SourceError, match="HEIC"):
        open_source(str(tmp_path / "c.mov"))
