"""The public names: each is there, loads on first use, and stands with an example that runs in docs/api.md."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.samples import sample_bundle
from tests.toy_student import bundle_with, student_graph
from tests.videos import write_video

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
PACKAGES = ("drc_runtime", "drc_train", "drc_export")
EXAMPLES = re.findall(r"^### (.+?)\n.*?```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
TRAINING = [(name, code) for name, code in EXAMPLES if re.search(r"^from drc_(train|export)\b", code, re.MULTILINE)]
RUNNING = [example for example in EXAMPLES if example not in TRAINING]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_graph: bytes) -> Path:
    """The current folder of an example: bundles ``mine`` and ``taught``, a clip, a photo, images, and images with masks."""
    shutil.copytree(sample_bundle("scene"), tmp_path / "mine")
    bundle_with(tmp_path / "taught", toy_graph, student_graph())
    generator = np.random.default_rng(0)
    for folder in ("images", "labelled/images", "labelled/masks"):
        (tmp_path / folder).mkdir(parents=True)
    images = generator.integers(0, 256, (4, 48, 64, 3), np.uint8)
    write_video(tmp_path / "clip.mp4", images)
    for index, image in enumerate(images):
        mask = np.zeros((48, 64), np.uint8)
        mask[:, :32] = 255
        for name, pixels in (("images", image), ("labelled/images", image), ("labelled/masks", mask)):
            cv2.imwrite(str(tmp_path / name / f"{index}.png"), pixels)
    shutil.copy(tmp_path / "images" / "0.png", tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("name", "code"), RUNNING, ids=[name for name, _ in RUNNING])
def test_an_example_of_the_runtime_runs(workplace: Path, name: str, code: str) -> None:
    exec(compile(code, f"docs/api.md: {name}", "exec"), {})


@pytest.mark.slow
def test_the_examples_of_training_and_export_run_one_after_the_other(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.compile", lambda function: function)  # compiling takes minutes, and two iterations none
    assert [name for name, _ in TRAINING] == [
        "train, Recipe, Reporting, TrainReport",
        "evaluate, EvaluationOptions",
        "export, Contents, ExportReport",
    ]
    for name, code in TRAINING:
        exec(compile(code, f"docs/api.md: {name}", "exec"), {})


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there_and_on_the_page(package: str) -> None:
    module = importlib.import_module(package)
    section = PAGE.partition(f"\n## {package}\n")[2].partition("\n## ")[0]
    names = set(module.__all__) - {"__version__"}
    assert names and names <= set(dir(module))
    for name in names:
        assert callable(getattr(module, name)), name
        assert re.search(rf"\b{name}\b", section), f"docs/api.md does not show {package}.{name}"
    for name, code in EXAMPLES:
        for imported in re.findall(rf"^from {package} import (.+)$", code, re.MULTILINE):
            assert {word.strip() for word in imported.split(",")} <= names, name


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_loads_nothing_heavy(package: str) -> None:
    program = f"""
import sys, {package}
heavy = {{"numpy", "cv2", "onnxruntime", "torch", "onnx", "rich", "typer"}} & set(sys.modules)
assert not heavy, heavy
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    for package in PACKAGES:
        with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'learn_it'"):
            importlib.import_module(package).learn_it  # noqa: B018


def test_the_run_of_the_package_is_the_function() -> None:
    import drc_runtime
    import drc_runtime.pipeline.run

    assert drc_runtime.run is drc_runtime.pipeline.run.run
