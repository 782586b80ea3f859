"""The rules of the layout: which package may import which, what the runtime must do without, how long a file may be."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("drc_runtime", "drc_train", "drc_export")
MAY_IMPORT = {
    "drc_runtime": {"drc_runtime"},
    "drc_train": {"drc_runtime", "drc_train"},
    "drc_export": {"drc_runtime", "drc_train", "drc_export"},
}
# The distributions of the base installation are numpy, onnxruntime, opencv-python, typer and rich.
NOT_IN_BASE = (
    "torch",
    "onnx",
    "onnxscript",
    "safetensors",
    "pydantic",
    "yaml",
    "skimage",
    "scipy",
    "av",
    "starlette",
    "uvicorn",
    "pyvirtualcam",
    "tensorboard",
)


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """The top-level packages that a file imports anywhere, inside functions as well."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_arrows_point_one_way(package: str) -> None:
    files = sources(package)
    assert files
    for path in files:
        wrong = imports(path) & set(PACKAGES) - MAY_IMPORT[package]
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_the_runtime_names_torch_in_one_engine_only() -> None:
    naming = {path.relative_to(ROOT).as_posix() for path in sources("drc_runtime") if "torch" in imports(path)}
    assert naming == {"drc_runtime/engines/torchscript.py"}  # inside its functions: see the test after this one


def test_every_module_of_the_runtime_loads_with_the_base_packages_only() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sources("drc_runtime")
    ]
    program = f"""
import importlib, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NOT_IN_BASE}:
            raise ModuleNotFoundError(f"{{name}} is not in the base installation", name=name)

sys.meta_path.insert(0, Blocker())
for module in {modules}:
    importlib.import_module(module)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", [*PACKAGES, "tests", "benchmarks", "samples"])
def test_no_file_is_over_400_lines(folder: str) -> None:
    for path in sources(folder):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path


def test_typed_packages_say_so() -> None:
    assert all((ROOT / package / "py.typed").is_file() for package in PACKAGES)
