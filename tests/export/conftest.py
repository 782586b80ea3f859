"""A run of tiny networks, and a bundle with everything that export can add, each made once."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from drc_export.bundle import Contents, export
from drc_export.graphs import Graph, graphs
from drc_runtime.cli import app as cli
from drc_train.config import Config, load_config
from drc_train.learner.em import Learner
from drc_train.training.checkpoint import save_checkpoint
from drc_train.training.initialiser import learn_initialiser
from drc_train.training.record import RunRecord

SMALL = ("model.image_size=16", "model.channels=[12, 8]", "model.base_channels=6", "model.classifier_channels=4")
QUICK = ("train.batch_size=4", "train.prior_steps=2", "train.posterior_steps=2")
TINY = ("model.image_size=8", "model.channels=[8]")
"""One stage, after ``SMALL``: half the nodes, which is what exporting costs."""
ABOUT = RunRecord("test", "test", 4, seconds=60.0)

MakeRun = Callable[..., Path]
Drc = Callable[..., tuple[int, str, str]]


def assert_same_masks(one: np.ndarray, other: np.ndarray) -> None:
    """Masks of two backends whose steps agree up to rounding.

    A mask's probability is read from a table of 256 log-odds in [-8, 8]. Where the log-odds lie between two entries, a difference
    of 1e-5 decides which is taken, and neighbouring entries are up to 4 grey levels apart.
    """
    difference = np.abs(one.astype(int) - other)
    assert difference.max() <= 4
    assert (difference > 1).mean() < 0.05, "few log-odds lie between two entries"


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    """Trains one iteration of a preset, with overrides, into a folder."""

    def make(folder: Path, preset: str, *overrides: str, initialised: bool = False) -> Path:
        config = load_config(preset, [*SMALL, *QUICK, *overrides])
        size = config.model.image_size
        images = torch.randint(
            0,
            256,
            (4, config.model.observed_channels, size, size),
            dtype=torch.uint8,
            generator=torch.Generator().manual_seed(0),
        )
        learner = Learner(config, images, torch.device("cpu"), compiled=False)
        learner.step()
        folder.mkdir()
        save_checkpoint(folder, learner, ABOUT)
        if initialised:
            assert learn_initialiser(learner, folder, 60.0, lambda done, steps: True)
        return folder

    return make


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, make_run: MakeRun) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run", "edge-32", initialised=True)


@pytest.fixture(scope="session")
def bundle(run: Path) -> Path:
    report = export(run, run.parent / "bundle", contents=Contents(torchscript=True, precisions=("fp32", "fp16")))
    assert {(check.backend, check.graph) for check in report.checks} == {
        *(("onnxruntime", name) for name in ("posterior_step", "render", "prior_step", "initial_latent")),
        *(("onnxruntime", name) for name in ("posterior_step_fp16", "render_fp16", "initial_latent_fp16")),
        *(("TorchScript", name) for name in ("posterior_step", "render", "prior_step", "initial_latent")),
    }
    return report.bundle


@pytest.fixture
def exported(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's graphs are not converted again: the bundle's files are taken (the same weights give the same bytes)."""
    monkeypatch.setattr("drc_export.bundle.to_onnx", lambda graph, _: (bundle / f"{graph.name}.onnx").read_bytes())


def _initial(config: Config, initialised: bool = False) -> list[Graph]:
    return [graph for graph in graphs(config, initialised) if graph.name == "initial_latent"]


@pytest.fixture
def step_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bundles get the graphs alone that the runtime runs."""
    monkeypatch.setattr(
        "drc_export.bundle.chosen_graphs",
        lambda config, initialised, names, taught: [graphs(config)[0], *_initial(config, initialised)],
    )


@pytest.fixture
def drc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Drc:
    """Runs the command line; returns its exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["drc", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        captured = capsys.readouterr()
        return int(exit_.value.code or 0), captured.out, captured.err

    return call
