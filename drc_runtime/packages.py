"""Optional packages: imports them, or says how to install them. Only this module names the distribution."""

import os
import shlex
import shutil
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from drc_runtime.errors import MissingDependencyError
from drc_runtime.shared_library import missing_library

DISTRIBUTION = "drc-edge"
"""What ``pip install`` installs. ``drc`` on PyPI is another project."""

ROOT = Path(__file__).parents[1]
"""The folder of the packages: a checkout of the repository, or ``site-packages``."""


def install_command(extra: str) -> str:
    """The command that installs an extra, as it works in the environment and the current folder of this process.

    A checkout is installed from its folder, with the versions of its ``constraints.txt``. Otherwise pip finds this distribution
    installed and adds only the packages of the extra, so that no index needs to have it.
    """
    if not _is_checkout(ROOT):
        return f"{_installer()} '{DISTRIBUTION}[{extra}]'"
    here = ROOT.resolve() == Path.cwd().resolve()
    folder, constraints = (".", "constraints.txt") if here else (str(ROOT), str(ROOT / "constraints.txt"))
    return f"{_installer()} -c {shlex.quote(constraints)} -e {shlex.quote(f'{folder}[{extra}]')}"


def require(module: str, *, extra: str, purpose: str) -> Any:
    """Imports an optional package.

    Args:
        module: the name to import, such as ``av``.
        extra: the extra of this distribution that installs it.
        purpose: what needs it, as the first words of the message: ``--vcam``, ``drc train``.

    Raises:
        MissingDependencyError: it is not installed, or it cannot be imported.
    """
    try:
        return import_module(module)
    except Exception as error:  # packages that load native libraries raise more than ImportError
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        way_out = missing_library(error) or install_command(extra)
        raise MissingDependencyError(f"{purpose} needs {module} ({reason}): {way_out}") from error


def _is_checkout(folder: Path) -> bool:
    try:
        return f'name = "{DISTRIBUTION}"' in (folder / "pyproject.toml").read_text(encoding="utf-8")
    except OSError:
        return False


def _installer() -> str:
    # A program of an environment that is not activated must not send its user to the pip of another one.
    python = Path(sys.executable)
    if find_spec("pip") is None:  # uv makes environments without pip
        return f"uv pip install --python {shlex.quote(str(python))}"
    found = shutil.which("pip")
    if found and _folder(Path(found)) == _folder(python):
        return "pip install"
    return f"{shlex.quote(str(python))} -m pip install"


def _folder(program: Path) -> str:
    return os.path.realpath(program.parent)
