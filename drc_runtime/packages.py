"""Packages that only some users need, and how to install them; the one place that names the distribution."""

from importlib import import_module
from typing import Any

from drc_runtime.errors import MissingDependencyError

DISTRIBUTION = "drc"
"""The name that ``pip install`` takes."""


def install_command(extra: str) -> str:
    """What to type to install the packages of an extra."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def require(module: str, *, extra: str, purpose: str) -> Any:
    """Imports an optional package.

    Args:
        module: the name to import, such as ``av``.
        extra: the extra of this distribution that installs it.
        purpose: what needs it, as the first words of the message: ``--vcam``, ``drc train``.

    Raises:
        MissingDependencyError: it is not installed, or a library that it needs cannot be loaded.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(f"{purpose} needs {module} ({error}): {install_command(extra)}") from error
