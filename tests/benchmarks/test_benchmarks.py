"""Every benchmark starts, and those of training run on any machine at a small size; what they measure is no test."""

import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.golden_step import PROVIDERS, golden_steps
from drc_runtime.bundle.bundle import Bundle
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.engines.protocol import BoundGraph
from drc_runtime.errors import EngineError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = sorted(path for path in BENCHMARKS.glob("*.py") if "__main__" in path.read_text())
PARTS = {"flops.py", "golden_step.py", "plain.py"}
"""Only imported by the others."""
TINY = (
    "model.image_size=8",
    "model.channels=[8]",
    "model.base_channels=4",
    "model.classifier_channels=4",
    "model.energy_width=8",
    "train.batch_size=4",
    "train.prior_steps=2",
    "train.posterior_steps=2",
)


def run(script: str, out: Path, *arguments: str) -> dict[str, object]:
    overrides = [part for override in TINY for part in ("--set", override)]
    command = [sys.executable, str(BENCHMARKS / script), *arguments, *overrides, "--out", str(out)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=500, cwd=out.parent)
    assert not result.returncode, result.stderr
    return json.loads(out.read_text())  # type: ignore[no-any-return]


def test_every_file_is_a_script_or_a_part_of_one() -> None:
    assert {path.name for path in BENCHMARKS.glob("*.py")} == {path.name for path in SCRIPTS} | PARTS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_starts(script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as exit_:
        runpy.run_path(str(script), run_name="__main__")
    assert exit_.value.code == 0
    assert f"usage: {script.name}" in capsys.readouterr().out


def test_a_script_finds_its_imports_from_any_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-I", str(BENCHMARKS / "native_fuzz.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_golden_step_finds_a_provider_that_keeps_its_first_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor stands in for the providers of a GPU: once as it is, once with inputs that it does not read again."""

    class Stale(OnnxRuntimeEngine):
        def bind(self, graph: str, outputs: Sequence[str]) -> BoundGraph:
            bound = super().bind(graph, outputs)
            run, kept = bound.run, {}

            def stale() -> None:
                for name, buffer in bound.inputs.items():
                    buffer[:] = kept.setdefault(name, buffer.copy())
                run()

            bound.run = stale  # type: ignore[method-assign]
            return bound

    engines = {"onnxruntime-cuda": OnnxRuntimeEngine, "onnxruntime-tensorrt": Stale}

    def load(name: str, bundle: Bundle) -> OnnxRuntimeEngine:
        return engines.get(name, OnnxRuntimeEngine)(bundle)

    def build(folder: Path) -> None:
        assert (folder / "manifest.json").is_file() and os.environ["XDG_STATE_HOME"] == str(folder.parent)
        raise EngineError("no GPU")

    monkeypatch.setattr("benchmarks.golden_step.build_engines", build)
    monkeypatch.setattr("benchmarks.golden_step.load_engine", load)
    not_tried: list[str] = []
    found = golden_steps(not_tried)
    assert not_tried == ["golden step on tensorrt: no GPU"]
    assert found["onnxruntime-cuda"]["error"] == 0 and found["onnxruntime-cuda"]["milliseconds"] > 0
    assert found["onnxruntime-tensorrt"]["error"] > 0.1 and found["onnxruntime-tensorrt"]["mask_difference"] > 0.01


def test_the_readme_names_files_that_exist() -> None:
    named = set(re.findall(r"(?:benchmarks/|`|python )([a-z_]+\.py)", (BENCHMARKS / "README.md").read_text()))
    assert named and {name for name in named if not (BENCHMARKS / name).is_file() and name != "metrics.py"} == set()


@pytest.mark.slow
def test_gpu_benchmark(tmp_path: Path) -> None:
    found = run("gpu.py", tmp_path / "gpu.json", "--preset", "edge-32", "--rounds", "1", "--batches", "2")
    assert found["iteration"]["milliseconds"].keys() == {"eager", "drc"}  # type: ignore[index,union-attr]
    assert found["posterior_step_milliseconds"].keys() == {"1", "2"}  # type: ignore[union-attr]
    assert found["gradient_cosines"]["float32"] == pytest.approx(1)  # type: ignore[index]
    assert found["matrix_products"]["share"] > 0 and found["curve"]  # type: ignore[index]
    left_out = found["left_out"]
    assert isinstance(left_out, list)
    assert [line.partition(":")[0] for line in left_out[:3]] == [f"golden step on {name}" for name in PROVIDERS]
    assert "released protocol" in left_out[3] and len(left_out) == 4
    hurried = run("gpu.py", tmp_path / "late.json", "--preset", "edge-32", "--rounds", "1", "--seconds", "0")
    assert "gradient_cosines" in hurried["left_out"], "what does not fit the time is named"  # type: ignore[operator]


@pytest.mark.slow
def test_both_protocols_have_a_curve(tmp_path: Path) -> None:
    paper = ("model.background_channels=null", "model.latent.reassignment=4", "train.mirror=false")
    few = (
        "--rounds",
        "1",
        "--batches",
        "1",
        "--seconds",
        "6000",
    )  # a busy machine takes longer than a card's nine minutes
    found = run("gpu.py", tmp_path / "gpu.json", "--preset", "birds", *few, *sets(paper))
    assert found["curve"] and found["curve_released"]
    assert found["curve"] != found["curve_released"]


def sets(overrides: tuple[str, ...]) -> list[str]:
    return [part for override in overrides for part in ("--set", override)]


@pytest.mark.slow
def test_gpu_training_goes_on_where_it_ended(tmp_path: Path) -> None:
    arguments = (
        "--train",
        "--preset",
        "edge-32",
        "--images",
        "100",
        "--minutes",
        "0.02",
        "--run",
        str(tmp_path / "run"),
    )
    first = run("gpu.py", tmp_path / "train.json", *arguments)
    second = run("gpu.py", tmp_path / "train.json", *arguments)
    assert second["iterations"] > first["iterations"]  # type: ignore[operator]
    assert second["curve"][: len(first["curve"])] == first["curve"]  # type: ignore[index,arg-type]
    assert all(0 <= point["iou"] <= 1 for point in second["curve"])  # type: ignore[union-attr]


@pytest.mark.slow
def test_train_speed_benchmark(tmp_path: Path) -> None:
    found = run("train_speed.py", tmp_path / "speed.json", "--preset", "edge-32", "--rounds", "1", "--images", "2000")
    assert found["milliseconds"].keys() == {"eager", "eager_same_layers", "drc"}  # type: ignore[union-attr]
    assert found["cache"]["images"] == 2000  # type: ignore[index]
