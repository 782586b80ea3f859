"""Folders of images: what is complete and made in the same way is not made twice, and failures are listed."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import EngineError, UsageError
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
    (toy_bundle / "manifest.json").write_text((toy_bundle / "manifest.json").read_text().replace("0.5", "0.6"))
    with pytest.raises(UsageError, match="made with another bundle"):
        go(resume=True)
    assert contents(tmp_path / "masks") == before


def test_what_an_overwritten_job_left_is_not_taken_for_the_new_one_s(go, tmp_path: Path) -> None:
    go()
    go(steps=4, overwrite=True, progress=stop_after(2))
    report = go(steps=4, resume=True)
    assert (report.frames, report.skipped) == (4, 2)


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
