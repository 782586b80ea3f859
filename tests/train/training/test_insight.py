"""What a person sees of a run: dashboard, profile, report."""

import io
import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

from drc_train.config import Config
from drc_train.learner.em import PARTS, Learner
from drc_train.training.dashboard import COLUMNS, Dashboard, History
from drc_train.training.profile import TRACE_FILE, profile_iterations
from drc_train.training.progress import Progress


def test_a_history_covers_the_whole_run_in_a_fixed_width() -> None:
    history = History()
    for value in range(10_000):
        history.add(float(value))
    assert COLUMNS / 2 <= len(history.bars) <= COLUMNS and history.last == 9999
    assert history.bars[0] == "▁" and history.bars[-1] == "█"
    assert sorted(history.bars) == list(history.bars), "what rises is drawn rising"
    flat = History()
    assert flat.bars == ""
    flat.add(float("nan"))
    flat.add(2.0)
    assert flat.bars == "▁"


def test_the_dashboard_shows_every_figure_and_the_last_messages() -> None:
    dashboard = Dashboard()
    for index in range(8):
        dashboard.note({"log_posterior": -100.0 + index, "foreground_share": 0.25})
        dashboard.say(f"message {index}")
    out = io.StringIO()
    Console(file=out, width=100).print(dashboard.draw(8, 1.25, "0:01:00"))
    shown = out.getvalue()
    for text in ("iteration 8, 1.25 a second, 0:01:00 left", "log posterior", "-93", "0.25", "message 7", "message 3"):
        assert text in shown
    assert "message 2" not in shown


def test_watch_draws_on_a_terminal_and_changes_nothing_elsewhere(tmp_path: Path) -> None:
    for terminal in (True, False):
        out = io.StringIO()
        console = Console(file=out, force_terminal=terminal, width=100)
        with Progress(tmp_path / str(terminal), console, watch=True) as progress:
            progress.show(3, {"log_posterior": -7.5}, 60.0)
            progress.say("masks have collapsed")
            progress.show(4, {"log_posterior": -7.25}, 59.0)
        assert "masks have collapsed" in out.getvalue()
        assert ("╭" in out.getvalue()) == terminal, "the dashboard's frame"


def test_a_profile_says_where_an_iteration_goes(tiny_config: Config, tiny_images: torch.Tensor, tmp_path: Path) -> None:
    learner = Learner(tiny_config, tiny_images, torch.device("cpu"), compiled=False)
    table = profile_iterations(learner, tmp_path)
    rows = {line[:20].strip(): float(line[20:].split()[0]) for line in table.splitlines()[: len(PARTS)]}
    assert tuple(rows) == PARTS
    assert sum(rows[part] for part in PARTS[1:]) == pytest.approx(rows["iteration"], rel=0.3)
    assert "aten::" in table and learner.iteration == 5
    assert json.loads((tmp_path / TRACE_FILE).read_text())["traceEvents"]
