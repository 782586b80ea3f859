"""A student is learned from a run and a folder of pictures, kept in the run and read from it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from drc_runtime.errors import TrainingError, UsageError
from drc_train.data.cache import cached_images
from drc_train.distillation.distil import learn, make_student
from drc_train.distillation.judge import judge
from drc_train.distillation.share import log_odds
from drc_train.distillation.teachers import chain_masks, iem_masks
from drc_train.model.student import SIZE, Student
from drc_train.training.checkpoint import load_model
from drc_train.training.student_file import STUDENT_FILE
from drc_train.training.train import Recipe, train


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Ten pictures of a bright disc on a dark ground."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(10):
        image = random.integers(20, 60, (40, 40, 3), np.uint8)
        cv2.circle(image, (int(random.integers(16, 24)), 20), 9, (90, 200, 240), -1)
        cv2.imwrite(str(folder / f"{index}.png"), image)
    return folder


@pytest.fixture
def run(pictures: Path, tmp_path: Path, tiny_overrides: list[str], uncompiled: None) -> Path:
    recipe = Recipe("edge-32", (*tiny_overrides, "train.initialiser_steps=0"))
    train(str(pictures), tmp_path / "run", recipe=recipe, iterations=1)
    return tmp_path / "run"


def test_a_run_gets_a_student_of_its_pictures(run: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drc_train.distillation.distil.STEPS", 2)
    assert load_model(run)[0].student is None
    report = make_student(str(pictures), run)
    assert (report.images, report.path, report.interrupted) == (
        10,
        run / STUDENT_FILE,
        False,
    ) and 0 < report.used <= 10
    student = load_model(run)[0].student
    assert student is not None and not student.training
    images = cached_images(str(pictures), SIZE).pixels
    targets, teaches = judge(images, [iem_masks(images), chain_masks(run, pictures, images)])
    share = (log_odds(student, images[teaches]) > 0).mean()
    assert share == pytest.approx(targets[teaches].mean() / 255, abs=0.01), "its masks are as large as its lessons"
    again = make_student(str(pictures), run)
    assert again.path.is_file(), "a student is replaced by a new one"
    other = load_model(run)[0].student
    assert other is not None
    image = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(other(image), student(image))


def test_other_pictures_are_taught_by_new_chains(run: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drc_train.distillation.distil.STEPS", 1)
    (pictures / "9.png").unlink()
    asked: list[str] = []
    monkeypatch.setattr(
        "drc_train.distillation.teachers.chain_segmenter", lambda *given: asked.append("training chains")
    )
    assert make_student(str(pictures), run).images == 9 and asked == []


def test_masks_of_a_run_are_judged_as_they_are(run: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask that was cut before agrees with its cut whatever it shows, and the judge would believe it."""

    def refuse(*_: object) -> None:
        raise AssertionError("a teacher's mask was cut before it was judged")

    monkeypatch.setattr("drc_runtime.inference.extractor.cut_again", refuse)
    for count in (10, 9):  # the run's own pictures, then others
        images = cached_images(str(pictures), SIZE).pixels
        assert len(chain_masks(run, pictures, images)) == count
        (pictures / "9.png").unlink(missing_ok=True)


def test_what_it_learns_is_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drc_train.distillation.distil.STEPS", 30)
    random = np.random.default_rng(0)
    images = random.integers(0, 90, (16, 3, SIZE, SIZE), np.uint8)
    targets = np.zeros((16, SIZE, SIZE), np.uint8)
    for index in range(16):
        top, left = random.integers(16, 56, 2)
        images[index, :, top : top + 56, left : left + 56] += 120
        targets[index, top : top + 56, left : left + 56] = 255
    network, steps = learn(images, targets, 0)
    assert steps == 30
    with torch.no_grad():
        found = (network.fused()(torch.from_numpy(images).float() / 127.5 - 1)[:, 0] > 0).numpy()
    truth = targets > 0
    iou = (found & truth).sum((1, 2)) / (found | truth).sum((1, 2))
    assert iou.mean() > 0.7


def test_time_ends_it_with_a_step_done() -> None:
    images, targets = np.zeros((8, 3, SIZE, SIZE), np.uint8), np.zeros((8, SIZE, SIZE), np.uint8)
    assert learn(images, targets, 0, seconds=0)[1] == 1


def test_without_normalisation_it_is_the_same_function() -> None:
    torch.manual_seed(0)
    network = Student(normalised=True)
    image = torch.rand(4, 3, SIZE, SIZE)
    network(image)  # moves the averages
    plain = network.fused()
    with torch.no_grad():
        torch.testing.assert_close(plain(image), network.eval()(image), rtol=1e-3, atol=1e-4)


def test_few_pictures_a_video_and_a_missing_run_are_refused(run: Path, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        make_student(str(pictures), tmp_path / "none")
    with pytest.raises(UsageError, match="a folder of pictures"):
        make_student("tm-dsprites:20", run)
    for index in range(5):
        (pictures / f"{index}.png").unlink()
    with pytest.raises(UsageError, match="give 8 or more"):
        make_student(str(pictures), run)


def test_a_damaged_file_names_the_way_out(run: Path) -> None:
    (run / STUDENT_FILE).write_bytes(b"no tensors")
    with pytest.raises(TrainingError, match="remove it to go on without"):
        load_model(run)
