"""A run of tiny networks, and the bundle with everything that export can add, each made once."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from drc_export.bundle import export
from drc_train.config import load_config
from drc_train.learner.em import Learner
from drc_train.training.checkpoint import save_checkpoint
from drc_train.training.record import RunRecord

SMALL = ("model.image_size=16", "model.channels=[12, 8]", "model.base_channels=6", "model.classifier_channels=4")
ABOUT = RunRecord("test", "test", 4, seconds=60.0)

MakeRun = Callable[..., Path]


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    """Trains one iteration of a preset, with overrides, into a folder."""

    def make(folder: Path, preset: str, *overrides: str) -> Path:
        config = load_config(preset, [*SMALL, "train.batch_size=4", *overrides])
        images = torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        learner = Learner(config, images, torch.device("cpu"), compiled=False)
        learner.step()
        folder.mkdir()
        save_checkpoint(folder, learner, ABOUT)
        return folder

    return make


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, make_run: MakeRun) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run", "edge-32")


@pytest.fixture(scope="session")
def bundle(run: Path) -> Path:
    report = export(run, run.parent / "bundle", torchscript=True, precisions=("fp32", "fp16"))
    assert {(check.backend, check.graph) for check in report.checks} == {
        *(("onnxruntime", name) for name in ("posterior_step", "render", "prior_step")),
        *(("onnxruntime", name) for name in ("posterior_step_fp16", "render_fp16")),
        *(("TorchScript", name) for name in ("posterior_step", "render", "prior_step")),
    }
    return report.bundle
