"""Optional packages: imported, or refused with the command that installs them."""

import json
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest

from drc_runtime import packages
from drc_runtime.errors import MissingDependencyError
from drc_runtime.packages import DISTRIBUTION, install_command, require

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtual environment that is activated: its ``python`` and ``pip`` are the first in the search path."""
    programs = tmp_path / "venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "pip"):
        (programs / name).write_text("")
        (programs / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(packages, "find_spec", lambda name: object())
    return programs


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packages lie in a checkout of the repository."""
    folder = tmp_path / "my checkout"
    folder.mkdir()
    (folder / "pyproject.toml").write_text((REPOSITORY / "pyproject.toml").read_text())
    monkeypatch.setattr(packages, "ROOT", folder)
    return folder


@pytest.fixture
def site_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packages were installed from a wheel."""
    monkeypatch.setattr(packages, "ROOT", tmp_path)
    return tmp_path


def test_a_package_that_is_there_is_imported() -> None:
    assert require("json", extra="web", purpose="--serve") is json


def test_a_missing_package_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    expected = rf"^--serve needs uvicorn \(.+\): {re.escape(install_command('web'))}$"
    with pytest.raises(MissingDependencyError, match=expected):
        require("uvicorn", extra="web", purpose="--serve")


def test_a_package_whose_native_library_fails_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_native.py").write_text("raise RuntimeError('libgpu.so is missing\\nmore lines')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependencyError, match=r"needs broken_native \(libgpu\.so is missing\): ") as caught:
        require("broken_native", extra="trt", purpose="TensorRT")
    assert "\n" not in str(caught.value)


def test_an_installed_wheel_is_extended_by_name(environment: Path, site_packages: Path) -> None:
    assert install_command("web") == f"pip install '{DISTRIBUTION}[web]'"


def test_a_checkout_is_installed_from_its_folder(
    environment: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert install_command("web") == f"pip install -c '{checkout}/constraints.txt' -e '{checkout}[web]'"
    monkeypatch.chdir(checkout)
    assert install_command("web") == "pip install -c constraints.txt -e '.[web]'"


def test_another_project_s_folder_is_not_a_checkout(environment: Path, site_packages: Path) -> None:
    (site_packages / "pyproject.toml").write_text('[project]\nname = "something-else"\n')
    assert install_command("web") == f"pip install '{DISTRIBUTION}[web]'"


def test_an_environment_that_is_not_activated_is_named(
    environment: Path, site_packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "pip").write_text("")
    (other / "pip").chmod(0o755)
    for path in (str(other), os.pathsep.join([str(other), str(environment)]), str(tmp_path / "empty")):
        monkeypatch.setenv("PATH", path)
        assert install_command("web") == f"{environment}/python -m pip install '{DISTRIBUTION}[web]'"


def test_an_environment_of_uv_has_no_pip(
    environment: Path, site_packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    assert install_command("web") == f"uv pip install --python {environment}/python '{DISTRIBUTION}[web]'"


def test_the_distribution_is_that_of_pyproject() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["name"] == DISTRIBUTION and project["scripts"] == {"drc": "drc_runtime.cli:main"}
    extras = project["optional-dependencies"]
    within = re.findall(r"([\w-]+)\[(\w+)\]", " ".join(extras["export"]))
    assert within == [(DISTRIBUTION, "train")]
