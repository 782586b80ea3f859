"""A run's folder: what drc train did not write stays, and no run is lost to another one."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from drc_runtime.errors import UsageError
from drc_runtime.images import write_png
from drc_train.config import Config
from drc_train.learner.em import Learner
from drc_train.training.checkpoint import read_run, restore, save_checkpoint
from drc_train.training.folder import GRIDS, check_run_folder, claim_run
from drc_train.training.record import STATE_FILE, Best, RunRecord
from drc_train.training.report import HEAD, is_report

ABOUT = RunRecord("test", "edge-32", 10, best=Best(3.0, 1))
RESULTS = ("report.html", "grid.png", "best.safetensors", "checkpoint-00000500.safetensors", "checkpoint.json")


@pytest.fixture
def learner(tiny_config: Config, tiny_images: torch.Tensor) -> Learner:
    return Learner(tiny_config, tiny_images, torch.device("cpu"), compiled=False)


@pytest.fixture
def run(learner: Learner, tmp_path: Path) -> Path:
    """A run with a checkpoint of iteration 1 that is the best, a grid and a report."""
    folder = tmp_path / "run"
    learner.step()
    with claim_run(folder):
        save_checkpoint(folder, learner, ABOUT, best=True)
        write_png(folder / "grid.png", torch.zeros(4, 4, dtype=torch.uint8).numpy())
    (folder / "report.html").write_text(HEAD)
    return folder


@pytest.mark.parametrize("name", [*RESULTS, "prior.png", "profile-trace.json"])
@pytest.mark.parametrize("link", [False, True])
def test_a_user_s_file_keeps_a_run_out(tmp_path: Path, name: str, link: bool) -> None:
    out = tmp_path / "out"
    out.mkdir()
    if link:
        (out / name).symlink_to(tmp_path / "elsewhere")
    else:
        (out / name).write_bytes(b"years of work")
    with pytest.raises(UsageError, match=f"{name}, which a run would replace; give another --out"):
        check_run_folder(out, "images", resume=False)


def test_other_files_are_in_nobody_s_way(tmp_path: Path) -> None:
    for name in ("notes.txt", "checkpoint-final.safetensors", "photo.png"):
        (tmp_path / name).write_bytes(b"mine")
    check_run_folder(tmp_path, "images", resume=False)
    check_run_folder(tmp_path / "new" / "run", "images", resume=False)


def test_a_run_that_lost_its_state_is_continued_and_not_overwritten(run: Path, learner: Learner) -> None:
    with pytest.raises(UsageError, match="already holds a run"):
        check_run_folder(run, "images", resume=False)
    (run / STATE_FILE).unlink()
    with pytest.raises(UsageError, match=f"holds a run without {STATE_FILE}: continue it with --resume"):
        check_run_folder(run, "images", resume=False)
    check_run_folder(run, "images", resume=True)
    assert read_run(run).iteration == 1 and restore(run, learner).best == ABOUT.best
    next(run.glob("checkpoint-*.safetensors")).unlink()
    with pytest.raises(UsageError, match="continue it with --resume"):
        check_run_folder(run, "images", resume=False)
    assert read_run(run).iteration == 1 and restore(run, learner).best == ABOUT.best


def test_the_best_model_stays_where_an_older_checkpoint_does_not_know_of_it(run: Path, learner: Learner) -> None:
    learner.iteration = 2
    with claim_run(run):
        save_checkpoint(run, learner, replace(ABOUT, best=Best()))
    assert restore(run, learner).best == Best(3.0, 1)


@pytest.mark.parametrize("name", ["report.html", "grid.png", "prior.png", "best.safetensors"])
def test_resuming_replaces_nothing_of_a_user(run: Path, name: str) -> None:
    check_run_folder(run, "images", resume=True)
    if name.endswith(".safetensors"):
        save_file({"lora": torch.zeros(3)}, run / name)
    else:
        (run / name).write_bytes(b"<html>mine</html>")
    before = (run / name).read_bytes()
    with pytest.raises(UsageError, match=f"--resume: .*{name} was not written by drc"):
        check_run_folder(run, "images", resume=True)
    assert (run / name).read_bytes() == before


def test_pruning_takes_checkpoints_of_drc_only(run: Path, learner: Learner) -> None:
    users = ["checkpoint-0.safetensors", "checkpoint-00000000.safetensors", ".a.part.safetensors"]
    for name in users:
        save_file({"lora": torch.zeros(3)}, run / name)
    with claim_run(run):
        for learner.iteration in range(2, 7):
            save_checkpoint(run, learner, ABOUT)
    assert len(list(run.glob("checkpoint-*.safetensors"))) == 3 + 2
    assert all(load_file(run / name)["lora"].shape == (3,) for name in users)


def test_damaged_files_of_a_run_are_written_again(run: Path, learner: Learner) -> None:
    for name in (STATE_FILE, "best.safetensors"):
        data = (run / name).read_bytes()[:-40]
        (run / name).unlink()  # the best one is a link to the newest one
        (run / name).write_bytes(data)
    check_run_folder(run, "images", resume=True)
    with claim_run(run):
        save_checkpoint(run, learner, ABOUT, best=True)
    assert read_run(run / "best.safetensors").iteration == 1


def test_a_run_of_an_earlier_version_without_marks_is_continued(run: Path) -> None:
    state = (run / STATE_FILE).read_text()
    (run / STATE_FILE).write_text(state.replace(',\n "marked": true', ""))
    for name in GRIDS:
        (run / name).write_bytes(b"a PNG of an earlier version")
    check_run_folder(run, "images", resume=True)
    with claim_run(run):
        write_png(run / "grid.png", torch.zeros(4, 4, dtype=torch.uint8).numpy())
    (run / STATE_FILE).write_text(state)
    with pytest.raises(UsageError, match="was not written by drc"):
        check_run_folder(run, "images", resume=True)


def test_two_trainings_do_not_share_a_folder(run: Path) -> None:
    with claim_run(run), pytest.raises(UsageError, match="another drc writes --out .*run"), claim_run(run):
        pass


def test_the_images_are_no_folder_for_a_run(run: Path) -> None:
    shutil.copytree(run, run.parent / "images")
    for resume in (False, True):
        with pytest.raises(UsageError, match="is what the run learns from"):
            check_run_folder(run.parent / "images", str(run.parent / "images"), resume=resume)


def test_reports_of_earlier_versions_are_known(tmp_path: Path) -> None:
    head = "<!doctype html><html lang=en><meta charset=utf-8><title>x</title><style>body{font:15px/1.5 system-ui,"
    (tmp_path / "a.html").write_text(f"{head}sans-serif;max-width:1320px;margin:2em auto;padding:0 1em;color:#222}}")
    (tmp_path / "b.html").write_text("<!doctype html><html lang=en><meta charset=utf-8><title>x</title>mine")
    assert is_report(tmp_path / "a.html") and not is_report(tmp_path / "b.html")
