"""Shared libraries that a native package needs and the system lacks: named by the loader, installed by the system's packages."""

import re
import sys

_LOADER = re.compile(r"(?P<file>lib[\w.+-]+?\.so(?:\.(?P<version>\d+))?)[\w.]*: cannot open shared object file")
# Debian names a library's package after its file (policy 8.1); these are of a package with another name.
_PACKAGES = {
    "libgthread-2.0": "libglib2.0-0",
    "libglib-2.0": "libglib2.0-0",
    "libgobject-2.0": "libglib2.0-0",
    "libgio-2.0": "libglib2.0-0",
    "libgmodule-2.0": "libglib2.0-0",
}
_DRIVERS = ("libcuda", "libcu", "libnv", "libTensor")


def missing_library(error: BaseException) -> str:
    """What to do about the library that the loader did not find.

    Args:
        error: of an import. Messages of its causes count as well: numpy wraps the loader's into a page of advice.

    Returns:
        ``libGL.so.1 is missing: on Debian and Ubuntu, apt-get install libgl1``; empty if the error is another one.
    """
    found = None
    cause: BaseException | None = error
    while cause is not None and not found:
        found = _LOADER.search(str(cause))
        cause = cause.__cause__ or cause.__context__
    if not found or not sys.platform.startswith("linux"):
        return ""
    file, version = found["file"], found["version"]
    if file.startswith(_DRIVERS):
        return f"{file} is missing: it comes with the GPU's driver or with CUDA"
    if version is None:
        return f"{file} is missing: reinstall the package"
    return f"{file} is missing: on Debian and Ubuntu, apt-get install {_package(file, version)}"


def _package(file: str, version: str) -> str:
    name = file.partition(".so")[0]
    joint = "-" if name[-1].isdigit() else ""
    return _PACKAGES.get(name) or f"{name}{joint}{version}".lower().replace("_", "-")
