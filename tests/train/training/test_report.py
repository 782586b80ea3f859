"""The report of a run: verdict, images with the newest first, curves with names that people know."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.tensorboard import SummaryWriter

from drc_train.config import Config
from drc_train.learner.em import Learner
from drc_train.training.checkpoint import save_checkpoint
from drc_train.training.record import RunRecord
from drc_train.training.report import is_report, write_report


@pytest.fixture
def run(tmp_path: Path, tiny_config: Config, tiny_images: torch.Tensor) -> Path:
    """A run of 20 iterations with three grids, whose source has a name that must be escaped."""
    run = tmp_path / "a <run>"
    run.mkdir()
    learner = Learner(tiny_config, tiny_images, torch.device("cpu"), compiled=False)
    save_checkpoint(run, learner, RunRecord("clips/<b>.mp4", "edge-32", 10))
    with SummaryWriter(str(run / "tensorboard")) as board:
        for step in range(20):
            board.add_scalar("orthogonal", 0.5, step)
            board.add_scalar("log_posterior", -100.0 + step, step)
            board.add_scalar("foreground_share", 0.25, step)
        for step in (5, 12, 19):
            board.add_image("grid", np.full((4, 6, 3), step, np.uint8), step, dataformats="HWC")
    return run


def test_it_says_in_words_how_the_run_is(run: Path) -> None:
    page = write_report(run).read_text()
    assert '<p class="verdict">The foreground takes 25% of an image on average' in page and "still rising" in page
    page = write_report(run, "collapsed: <everything>").read_text()
    assert '<p class="verdict warning">The masks cannot be used. Collapsed: &lt;everything&gt;.</p>' in page


def test_the_newest_images_come_first_and_earlier_ones_are_folded(run: Path) -> None:
    page = write_report(run).read_text()
    shown = re.findall(r"<figcaption>Extractions, iteration (\d+)</figcaption>", page)
    assert shown == ["19", "12", "5"]
    assert page.index("iteration 19<") < page.index("<summary>Earlier in the run") < page.index("iteration 12<")


def test_curves_have_names_and_the_important_ones_come_first(run: Path) -> None:
    page = write_report(run).read_text()
    names = ["Log-posterior (higher is better)", "Foreground share of the masks", "Orthogonality loss"]
    places = [page.index(f"<figcaption>{name}</figcaption>") for name in names]
    assert places == sorted(places)


def test_it_is_one_file_for_light_and_dark(run: Path) -> None:
    page = write_report(run).read_text()
    assert "prefers-color-scheme:dark" in page and "color-scheme:light dark" in page
    assert "http" not in page and " src=" not in re.sub(r' src="data:image/png;base64,', "", page)
    assert "a &lt;run&gt;" in page and "clips/&lt;b&gt;.mp4" in page and "<run>" not in page
    used = set(re.findall(r"var\((--\w+)\)", page))
    defined = [set(re.findall(r"(--\w+):", block)) for block in re.findall(r":root\{([^}]*)\}", page)]
    assert len(defined) == 2 and all(used <= block for block in defined)


def test_reports_are_told_from_other_pages(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "report.html"
    other.write_text("<!doctype html><html lang=en><meta charset=utf-8><title>mine</title>")
    assert is_report(write_report(run)) and not is_report(other)
