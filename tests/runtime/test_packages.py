"""Optional packages: imported, or refused with the command that installs them."""

import json
import sys
import tomllib
from pathlib import Path

import pytest

from drc_runtime.errors import MissingDependencyError
from drc_runtime.packages import DISTRIBUTION, install_command, require


def test_a_package_that_is_there_is_imported() -> None:
    assert require("json", extra="web", purpose="--serve") is json


def test_a_missing_package_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingDependencyError, match=r"^--serve needs uvicorn \(.+\): pip install 'drc\[web\]'$"):
        require("uvicorn", extra="web", purpose="--serve")


def test_a_package_whose_native_library_fails_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_native.py").write_text("raise RuntimeError('libgpu.so is missing\\nmore lines')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependencyError, match=r"needs broken_native \(libgpu\.so is missing\): pip") as caught:
        require("broken_native", extra="trt", purpose="TensorRT")
    assert "\n" not in str(caught.value)


def test_the_distribution_is_that_of_pyproject() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["name"] == DISTRIBUTION
    assert install_command("web") == f"pip install '{DISTRIBUTION}[web]'" and "web" in project["optional-dependencies"]
