"""Optional packages: imports them, or says how to install them. Only this module names the distribution."""

from importlib import import_module
from typing import Any

from drc_runtime.errors import MissingDependencyError
from drc_runtime.shared_library import missing_library

DISTRIBUTION = "drc"
"""What ``pip install`` installs."""


def install_command(extra: str) -> str:
    """The command that installs the packages of an extra."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


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
