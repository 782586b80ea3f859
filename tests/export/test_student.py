"""The student of a run becomes a graph of its bundle, verified like the others."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from drc_export.bundle import Contents, export
from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import STUDENT
from drc_runtime.errors import UsageError, VerificationError
from drc_runtime.inference.student import StudentExtractor
from drc_train.data.evaluation import Labelled
from drc_train.evaluation.model_masks import student_segmenter
from drc_train.model.student import SIZE, Student
from drc_train.training.checkpoint import load_model
from drc_train.training.student_file import save_student
from tests.export.conftest import TINY, assert_same_masks

MakeRun = Callable[..., Path]


@pytest.fixture
def taught(tmp_path: Path, make_run: MakeRun) -> Path:
    """A run with a student of random weights."""
    run = make_run(tmp_path / "run", "edge-32", *TINY)
    torch.manual_seed(0)
    save_student(run, Student(), 1)
    return run


def test_a_bundle_gets_it_and_computes_what_the_run_does(taught: Path, tmp_path: Path) -> None:
    report = export(
        taught, tmp_path / "bundle", contents=Contents(graphs=("posterior_step", STUDENT), torchscript=True)
    )
    assert {(check.backend, check.graph) for check in report.checks} == {
        (backend, graph) for backend in ("onnxruntime", "TorchScript") for graph in ("posterior_step", STUDENT)
    }
    assert {backend for backend, problems in report.backends[STUDENT].items() if problems} <= {"CoreML"}
    entry = Bundle.load(report.bundle).manifest.graphs[STUDENT]
    assert (entry.inputs, entry.outputs) == ({"image": (1, 3, SIZE, SIZE)}, {"log_odds": (1, 1, SIZE, SIZE)})
    image = np.random.default_rng(3).integers(0, 256, (40, 30, 3), np.uint8)
    found = StudentExtractor(report.bundle, threads=1).extract(image).probability
    labelled = Labelled("a", image, np.zeros((40, 30), np.uint8))
    assert_same_masks(found, student_segmenter(taught)([labelled])[0].masks["student"])
    assert_same_masks(
        found, StudentExtractor(report.bundle, threads=1, engine="torchscript").extract(image).probability
    )


def test_a_student_that_the_file_does_not_compute_is_refused(
    taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drc_export import bundle as module

    convert = module.to_onnx

    def other(graph, traced):  # type: ignore[no-untyped-def]
        if graph.name != STUDENT:
            return convert(graph, traced)
        model = load_model(taught)[0]
        assert model.student is not None
        with torch.no_grad():
            model.student.stem[0].weight[0, 0, 0, 0] += 0.1
        return convert(graph, module.trace(graph, model))

    monkeypatch.setattr(module, "to_onnx", other)
    with pytest.raises(VerificationError, match="graph student"):
        export(taught, tmp_path / "bundle", contents=Contents(graphs=("posterior_step", STUDENT)))
    assert not (tmp_path / "bundle").exists()


def test_without_one_it_cannot_be_chosen(tmp_path: Path, make_run: MakeRun) -> None:
    run = make_run(tmp_path / "run", "edge-32", *TINY)
    with pytest.raises(UsageError, match="no graph 'student'"):
        export(run, tmp_path / "bundle", contents=Contents(graphs=("posterior_step", STUDENT)))
    with pytest.raises(UsageError, match="has none; drc train FOLDER --out RUN --student"):
        student_segmenter(run)
