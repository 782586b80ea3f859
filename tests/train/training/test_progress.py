"""The progress on a terminal, elsewhere, and in TensorBoard."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from drc_train.training.progress import Progress, progress_line


@pytest.mark.parametrize("terminal", [True, False])
def test_figures_time_left_and_messages_are_shown(terminal: bool, tmp_path: Path) -> None:
    out = io.StringIO()
    with Progress(tmp_path, Console(file=out, force_terminal=terminal, width=100)) as progress:
        progress.show(3, {"log_posterior": -7.5, "foreground_share": 0.234, "orthogonal": 9.875}, 3661.0)
        progress.say("masks have collapsed")
    shown = out.getvalue()
    for text in ("masks have collapsed", "iteration 3  foreground 23.4%  log-posterior -7.5  1:01:01 left"):
        assert text in shown
    assert "9.875" not in shown, "the rest is in TensorBoard and the report"
    assert ("\x1b" in shown) == terminal, "a file gets plain lines"


def test_lines_are_rare_where_there_is_no_terminal(tmp_path: Path) -> None:
    out = io.StringIO()
    with Progress(tmp_path, Console(file=out, width=100)) as progress:
        for iteration in range(100):
            progress.show(iteration, {"foreground_share": 0.25}, 60.0)
    assert out.getvalue().splitlines() == ["iteration 0  foreground 25.0%  0:01:00 left"]


def test_the_line_fits_a_terminal_of_80_columns_with_ctrl_c() -> None:
    line = progress_line(1_000_000, {"foreground_share": 1.0, "log_posterior": -1234567.89}, 100 * 3600.0)
    assert line == "iteration 1000000  foreground 100.0%  log-posterior -1234567.9  100:00:00 left"
    assert len(line + "^C") <= 80


def test_amortised_inference_has_a_likelihood_in_place_of_a_posterior() -> None:
    assert progress_line(1, {"likelihood": 0.5}, -3.0) == "iteration 1  log-likelihood -0.5000  0:00:00 left"


def test_tensorboard_has_every_iteration_and_the_grids(tmp_path: Path) -> None:
    grid = np.full((4, 6, 3), 128, np.uint8)
    with Progress(tmp_path, Console(quiet=True)) as progress:
        for iteration in (1, 2):
            progress.show(iteration, {"share": iteration / 4}, 1.0)
        progress.grids(2, {"grid": grid})
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(it.step, it.value) for it in events.Scalars("share")] == [(1, 0.25), (2, 0.5)]
    assert events.Tags()["images"] == ["grid"] and (tmp_path / "grid.png").is_file()


def test_only_the_first_process_writes_events(tmp_path: Path) -> None:
    with Progress(tmp_path, Console(quiet=True), records=False) as progress:
        progress.show(1, {"share": 0.5}, 1.0)
    assert not list(tmp_path.iterdir())
