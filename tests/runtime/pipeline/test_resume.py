"""Folders of images: what is complete and made in the same way is not made twice, and failures are listed."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import BundleError, EngineError, UsageError
from drc_runtime.inference.langevin import LangevinSampler
from drc_runtime.pipeline.report import RunReport
from tests.flat_run import run_with


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(6):
        cv2.imwrite(str(folder / f"{index}.png"), random.integers(0, 256, (16, 24, 3), np.uint8))
    return folder


@pytest.fixture
def go(toy_bundle: Path, images: Path, tmp_path: Path):
    def start(**options: object) -> RunReport:
        given = {"masks": tmp_path / "masks", "out": tmp_path / "cut", "steps": 2, "soft": True, **options}
        return run_with(images, **{"bundle": toy_bundle, **given})

    return start


def stop_after(frames: int):
    def progress(done: int, total: int | None) -> None:
        if done == frames:
            raise KeyboardInterrupt

    return progress


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_a_resumed_job_gives_what_an_uninterrupted_one_gives(go, tmp_path: Path) -> None:
    whole = go(masks=tmp_path / "masks-whole", out=tmp_path / "cut-whole")
    assert (whole.frames, whole.skipped) == (6, 0)
    assert go(progress=stop_after(3)).frames == 3
    (tmp_path / "cut" / "1.png").unlink()  # an image is done only where all its results are
    report = go(resume=True)
    assert (report.frames, report.skipped, report.interrupted) == (4, 2, False)
    for kind in ("masks", "cut"):
        assert contents(tmp_path / kind) == contents(tmp_path / f"{kind}-whole")
    again = go(resume=True)
    assert (again.frames, again.skipped) == (0, 6) and again.outputs


def test_an_image_that_was_changed_since_is_done_again(go, images: Path, tmp_path: Path) -> None:
    go()
    later = (tmp_path / "masks" / "2.png").stat().st_mtime + 5
    os.utime(images / "2.png", (later, later))
    assert go(resume=True).frames == 1


def test_results_of_other_settings_are_not_taken_for_this_job_s(go, toy_bundle: Path, tmp_path: Path) -> None:
    go(progress=stop_after(2))
    before = contents(tmp_path / "masks")
    with pytest.raises(UsageError, match="made with another steps"):
        go(resume=True, steps=3)
    with pytest.raises(UsageError, match="made with another refine"):
        go(resume=True, refine="none")
    (toy_bundle / "manifest.json").write_text((toy_bundle / "manifest.json").read_text().replace("0.5", "0.6"))
    with pytest.raises(UsageError, match="made with another bundle"):
        go(resume=True)
    assert contents(tmp_path / "masks") == before


def test_a_refined_job_goes_on_refined(go) -> None:
    for refine, other in (("none", "cut"), ("cut", "none")):
        go(refine=refine, overwrite=True, progress=stop_after(2))
        with pytest.raises(UsageError, match="made with another refine"):
            go(resume=True, refine=other)
        assert go(resume=True, refine=refine).skipped == 2


def test_what_an_overwritten_job_left_is_not_taken_for_the_new_one_s(go, tmp_path: Path) -> None:
    go()
    go(steps=4, overwrite=True, progress=stop_after(2))
    report = go(steps=4, resume=True)
    assert (report.frames, report.skipped) == (4, 2)


@pytest.mark.parametrize("damage", ["empty", "half", "zeros", "another mask"])
def test_a_mask_that_is_not_the_one_that_was_written_is_done_again(go, tmp_path: Path, damage: str) -> None:
    go()
    before, mask = contents(tmp_path / "masks"), tmp_path / "masks" / "2.png"
    data = mask.read_bytes()
    other = (tmp_path / "masks" / "1.png").read_bytes()
    mask.write_bytes({"empty": b"", "half": data[:-20], "zeros": bytes(len(data))}.get(damage, other))
    assert go(resume=True).frames == 1
    assert contents(tmp_path / "masks") == before


@pytest.mark.parametrize("place", ["a folder", "an edited mask", "a link"])
def test_what_a_user_put_in_a_mask_s_place_is_kept_and_named(go, tmp_path: Path, place: str) -> None:
    go()
    mask = tmp_path / "masks" / "2.png"
    if place == "an edited mask":
        cv2.imwrite(str(mask), 255 - cv2.imread(str(mask), 0))
    else:
        mask.unlink()
        mask.mkdir() if place == "a folder" else mask.symlink_to(tmp_path / "masks" / "1.png")
    with pytest.raises(UsageError, match="2.png was not written by drc, or was changed since; move it away"):
        go(resume=True)
    assert mask.exists()


def test_sources_are_compared_by_their_content(go, images: Path, tmp_path: Path) -> None:
    go()
    before, times = contents(tmp_path / "masks"), (images / "2.png").stat()
    cv2.imwrite(str(images / "2.png"), np.full((16, 24, 3), 90, np.uint8))
    os.utime(images / "2.png", (times.st_atime, times.st_mtime - 1000))  # an older image in its place
    assert go(resume=True).frames == 1
    assert contents(tmp_path / "masks")["2.png"] != before["2.png"]


def test_another_folder_with_the_same_names_is_done_again(go, images: Path, toy_bundle: Path, tmp_path: Path) -> None:
    go(out=None)
    other = tmp_path / "other"
    other.mkdir()
    for path in images.iterdir():
        cv2.imwrite(str(other / path.name), np.full((16, 24, 3), int(path.stem), np.uint8))
        os.utime(other / path.name, (1, 1))
    options = {"bundle": toy_bundle, "masks": tmp_path / "masks", "steps": 2, "soft": True}
    assert run_with(other, **options, resume=True).frames == 6


def test_a_background_is_compared_by_its_content(go, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "beach.png"), np.full((16, 24, 3), 90, np.uint8))
    options = {"masks": None, "soft": False, "background": str(tmp_path / "beach.png")}
    go(**options)
    assert go(**options, resume=True).frames == 0
    cv2.imwrite(str(tmp_path / "beach.png"), np.full((16, 24, 3), 80, np.uint8))
    with pytest.raises(UsageError, match="made with another background"):
        go(**options, resume=True)


def test_a_bundle_that_is_not_there_is_an_error_even_if_all_is_done(go, tmp_path: Path) -> None:
    go()
    with pytest.raises(BundleError, match="no bundle at"):
        go(resume=True, bundle=tmp_path / "missing")


def test_masks_of_a_longer_run_do_not_stay(go, images: Path, make_video, tmp_path: Path) -> None:
    go(out=None)
    (tmp_path / "masks" / "notes.txt").write_text("mine")
    cv2.imwrite(str(tmp_path / "masks" / "mine.png"), np.zeros((4, 4), np.uint8))
    for name in ("4.png", "5.png"):
        (images / name).unlink()
    go(out=None, overwrite=True)
    kept = {".drc-job.jsonl", "notes.txt", "mine.png"}
    assert {path.name for path in (tmp_path / "masks").iterdir()} == {f"{it}.png" for it in range(4)} | kept


def test_a_folder_of_something_else_is_refused(go, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "0.png").write_bytes(b"precious")
    with pytest.raises(UsageError, match="does not say how"):
        go(resume=True)
    with pytest.raises(UsageError, match="--overwrite"):
        go()
    assert (tmp_path / "masks" / "0.png").read_bytes() == b"precious"


def test_the_images_folder_is_no_output_even_when_resuming(go, images: Path) -> None:
    with pytest.raises(UsageError, match="read from"):
        go(masks=images, out=None)
    with pytest.raises(UsageError):
        go(masks=images, out=None, resume=True)
    assert len(list(images.iterdir())) == 6


def test_resuming_is_for_folders(toy_bundle: Path, images: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="folder of images"):
        run_with(images / "0.png", bundle=toy_bundle, masks=tmp_path / "masks", resume=True)


def test_an_image_on_which_the_network_fails_is_listed_and_the_others_are_done(go, tmp_path, monkeypatch) -> None:
    real, calls = LangevinSampler.run, iter(range(100))

    def fails_once(self, *arguments):
        if next(calls) == 2:
            raise EngineError("the Langevin chain diverged")
        return real(self, *arguments)

    monkeypatch.setattr(LangevinSampler, "run", fails_once)
    report = go()
    assert report.frames == 5 and report.failures == ["2: the Langevin chain diverged"]
    assert not (tmp_path / "masks" / "2.png").exists() and len(contents(tmp_path / "masks")) == 5
    assert go(resume=True).frames == 1
