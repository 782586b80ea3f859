"""The loader's message becomes the name of a system package."""

import sys

import pytest

from drc_runtime.errors import MissingDependencyError
from drc_runtime.packages import require
from drc_runtime.shared_library import missing_library

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names Debian's packages")


def loader(file: str) -> ImportError:
    return ImportError(f"{file}: cannot open shared object file: No such file or directory")


@pytest.mark.parametrize(
    ("file", "package"),
    [
        ("libGL.so.1", "libgl1"),
        ("libgthread-2.0.so.0", "libglib2.0-0"),
        ("libSM.so.6", "libsm6"),
        ("libXext.so.6", "libxext6"),
        ("libX11.so.6", "libx11-6"),
        ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
        ("libgomp.so.1", "libgomp1"),
        ("libstdc++.so.6", "libstdc++6"),
        ("libdbus-1.so.3", "libdbus-1-3"),
    ],
)
def test_a_library_is_named_with_its_package(file: str, package: str) -> None:
    assert missing_library(loader(file)) == f"{file} is missing: on Debian and Ubuntu, apt-get install {package}"


@pytest.mark.parametrize("file", ["libcuda.so.1", "libnvinfer.so.10", "libcudnn.so.9"])
def test_a_driver_is_not_in_debian(file: str) -> None:
    assert missing_library(loader(file)) == f"{file} is missing: it comes with the GPU's driver or with CUDA"


def test_a_library_without_a_version_is_the_package_s_own() -> None:
    assert missing_library(loader("libonnxruntime_providers_shared.so")).endswith("reinstall the package")


def test_the_cause_of_a_wrapped_error_counts() -> None:
    try:
        raise ImportError("IMPORTANT: PLEASE READ THIS") from loader("libquadmath.so.0")
    except ImportError as error:
        assert missing_library(error).endswith("apt-get install libquadmath0")


def test_another_error_has_no_library() -> None:
    assert missing_library(ImportError("No module named 'av'")) == ""


def test_require_does_not_name_pip_for_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> object:
        raise loader("libGL.so.1")

    monkeypatch.setattr("drc_runtime.packages.import_module", fail)
    with pytest.raises(MissingDependencyError, match=r"--vcam needs pyvirtualcam .+: libGL.+ apt-get install libgl1$"):
        require("pyvirtualcam", extra="vcam", purpose="--vcam")
