"""What this machine can run, what is missing and what clashes.

It works where numpy, onnxruntime or OpenCV cannot be imported: each is imported by its own check alone.
"""

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Literal

from drc_runtime.errors import DRCError
from drc_runtime.machine import machine_name
from drc_runtime.packages import install_command
from drc_runtime.samples import sample_bundle
from drc_runtime.shared_library import missing_library

Status = Literal["ok", "absent", "warning", "broken"]


@dataclass(frozen=True)
class Check:
    """One finding. ``broken``: the runtime cannot work; ``warning``: a part of it does not; ``absent``: optional and missing."""

    name: str
    status: Status
    detail: str


# Distributions that install the same module: the last one installed overwrites the others, and removing one breaks the rest.
_RIVALS = (
    ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml"),
    ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
)
# Distribution -> the extra that installs it. Looked up without importing, because importing torch takes seconds.
_OPTIONAL = {
    "uvicorn": "web",
    "pyvirtualcam": "vcam",
    "torch": "train",
    "onnx": "export",
    "ray": "ray",
    "tensorrt": "trt",
}


def examine() -> list[Check]:
    """Checks Python, the packages, the display, the cameras and the bundled sample; problems become findings, not errors."""
    numpy = _guarded("numpy", lambda: str(import_module("numpy").__version__))
    return [
        Check("python", "ok", f"{platform.python_version()} at {sys.executable}"),
        Check("machine", "ok", f"{machine_name()} (the machine has {os.cpu_count()})"),
        numpy,
        *(_on_numpy(numpy, name, describe) for name, describe in (("onnxruntime", _onnxruntime), ("opencv", _opencv))),
        _guarded("av", lambda: str(import_module("av").__version__)),
        *_clashes(),
        _display(),
        _cameras(),
        *(_optional(name, extra) for name, extra in _OPTIONAL.items()),
        _sample(),
    ]


def examine_engines(bundle: Path) -> list[Check]:
    """Repeats a bundle's golden steps on every engine (``drc_runtime.inference.golden``).

    Raises:
        BundleError: the bundle is damaged, or has no golden steps.
    """
    from drc_runtime.inference.engine_checks import check_engines

    found = []
    for check in check_engines(bundle):
        status: Status = "absent" if check.is_absent else "broken" if check.problem else "ok"
        detail = check.problem or f"repeats the bundle's known steps within {check.error:.1e}"
        found.append(Check(check.name, status, detail))
    return found


def is_healthy(checks: list[Check]) -> bool:
    """Whether nothing that the runtime needs is broken."""
    return all(check.status != "broken" for check in checks)


def _guarded(name: str, describe: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", describe())
    except Exception as error:  # noqa: BLE001 - a broken native library may raise anything on import
        return Check(name, "broken", _explain(error))


def _on_numpy(numpy: Check, name: str, describe: Callable[[], str]) -> Check:
    # Without numpy both print a traceback or advice of their own, OpenCV on stdout.
    return (
        _guarded(name, describe) if numpy.status == "ok" else Check(name, "broken", "cannot be imported without numpy")
    )


def _explain(error: Exception) -> str:
    """The reason in one line, and the way out. numpy's own message is a page."""
    library = missing_library(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return library or f"{type(error).__name__}: {lines[0] if lines else 'no message'}; reinstall it"


def _onnxruntime() -> str:
    module: Any = import_module("onnxruntime")
    return f"{module.__version__}; {', '.join(module.get_available_providers())}"


def _opencv() -> str:
    module: Any = import_module("cv2")
    videos = "reads videos" if "FFMPEG" in _video_backends(module) else "cannot read video files (built without FFmpeg)"
    return f"{module.__version__}; {videos}"


def _video_backends(module: Any) -> set[str]:
    registry = module.videoio_registry
    return {registry.getBackendName(backend) for backend in registry.getStreamBackends()}


def _clashes() -> list[Check]:
    checks = []
    for rivals in _RIVALS:
        installed = [name for name in rivals if _version(name)]
        if len(installed) > 1:
            names = " and ".join(installed)
            checks.append(Check("clash", "warning", f"{names} overwrite each other: uninstall them, then install one"))
    return checks


def _display() -> Check:
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return Check(
            "display", "absent", "no DISPLAY or WAYLAND_DISPLAY: drc run shows no window; write files or use --serve"
        )
    if "cv2" not in sys.modules:
        return Check("display", "absent", "not checked: OpenCV cannot be imported")
    framework = str(sys.modules["cv2"].currentUIFramework())
    if not framework:
        return Check(
            "display",
            "absent",
            "OpenCV is built without windows (headless): drc run shows none; write files or use --serve",
        )
    return Check("display", "ok", framework)


def _cameras() -> Check:
    if sys.platform != "linux":
        return Check("cameras", "ok", "not listed on this system; try drc run webcam")
    found = sorted(path.name for path in Path("/dev").glob("video*"))
    unreadable = [name for name in found if not os.access(f"/dev/{name}", os.R_OK | os.W_OK)]
    if unreadable:
        return Check("cameras", "warning", f"no permission for {', '.join(unreadable)}: join the group 'video'")
    return Check("cameras", "ok" if found else "absent", ", ".join(found) or "no /dev/video*")


def _optional(name: str, extra: str) -> Check:
    version = _version(name)
    return Check(name, "ok", version) if version else Check(name, "absent", f"optional: {install_command(extra)}")


def _sample() -> Check:
    try:
        from drc_runtime.bundle.info import inspect_bundle

        info = inspect_bundle(sample_bundle("scene"))
    except DRCError as error:
        return Check("sample", "warning", str(error))
    except Exception as error:  # noqa: BLE001 - as in _guarded: it needs the packages that are checked above
        return Check("sample", "warning", f"not checked: {_explain(error)}")
    problems = [graph.problem for graph in info.graphs if graph.problem]
    return Check("sample", "warning" if problems else "ok", "; ".join(problems) or f"{info.manifest.name} is intact")


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""
