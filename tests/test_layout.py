"""The rules of the layout: which package may import which, what the runtime must do without, how long a file may be."""

import ast
import os
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("drc_runtime", "drc_train", "drc_export")
MAY_IMPORT = {
    "drc_runtime": {"drc_runtime"},
    "drc_train": {"drc_runtime", "drc_train"},
    "drc_export": {"drc_runtime", "drc_train", "drc_export"},
}
# The distributions of the base installation are av, numpy, onnxruntime, opencv-python, pillow, typer and rich.
NOT_IN_BASE = (
    "torch",
    "onnx",
    "onnxscript",
    "safetensors",
    "pydantic",
    "yaml",
    "skimage",
    "scipy",
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


def test_the_runtime_names_torch_in_the_torchscript_engine_only() -> None:
    naming = {path.relative_to(ROOT).as_posix() for path in sources("drc_runtime") if "torch" in imports(path)}
    # inside their functions: see the test after this one
    assert naming == {"drc_runtime/engines/torchscript.py", "drc_runtime/engines/torchscript_check.py"}


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


def modules_of(package: str) -> dict[str, Path]:
    """Every module by its dotted name."""
    found = {}
    for path in sources(package):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def arrows(package: str) -> dict[str, set[str]]:
    """Which modules of the package each one imports, inside functions and for type checking as well."""
    modules = modules_of(package)
    found: dict[str, set[str]] = {name: set() for name in modules}
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    found[name].add(inner if inner in modules else node.module)
    faces = {package}  # its names are loaded on first use
    return {name: {to for to in others if to in modules and to != name} - faces for name, others in found.items()}


def assert_no_circle(graph: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"imports run in a circle: {' -> '.join(error.args[1])}") from error


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    graph = arrows(package)
    graph.pop(package)  # the face of the package
    assert_no_circle(graph)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_rooms_import_each_other_in_a_circle(package: str) -> None:
    def room(module: str) -> str:
        return module.split(".")[1]

    graph = arrows(package)
    graph.pop(package)
    rooms: dict[str, set[str]] = {room(name): set() for name in graph}
    for name, others in graph.items():
        rooms[room(name)] |= {room(other) for other in others} - {room(name)}
    assert_no_circle(rooms)


def test_a_circle_is_found() -> None:
    with pytest.raises(AssertionError, match="in a circle"):
        assert_no_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})


@pytest.mark.parametrize("package", PACKAGES)
def test_the_tests_mirror_the_rooms(package: str) -> None:
    tests = ROOT / "tests" / package.removeprefix("drc_")
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert folders
    assert [str(folder) for folder in folders if not (ROOT / package / folder).is_dir()] == []


SIGNATURES_OF_A_FRAMEWORK = {"convolution_input_gradient"}  # aten.convolution_backward's


@pytest.mark.parametrize("package", PACKAGES)
def test_no_function_has_more_than_8_parameters(package: str) -> None:
    """A command's function is called by typer, and its parameters are the command's options."""
    too_many = []
    for name, path in modules_of(package).items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            given = [it.arg for it in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            count = len([it for it in given if it not in ("self", "cls")])
            command = ".cli." in name and not node.name.startswith("_")
            if count > 8 and not command and node.name not in SIGNATURES_OF_A_FRAMEWORK:
                too_many.append(f"{name}.{node.name}: {count}")
    assert too_many == []


@pytest.mark.parametrize("folder", [*PACKAGES, "tests", "benchmarks", "samples"])
def test_no_file_is_over_400_lines(folder: str) -> None:
    for path in sources(folder):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path


def test_typed_packages_say_so() -> None:
    assert all((ROOT / package / "py.typed").is_file() for package in PACKAGES)
