"""Lists the cameras of this machine, for ``drc cameras``."""

import re
from pathlib import Path
from typing import NamedTuple

VIDEO_DEVICES = Path("/sys/class/video4linux")


class CameraName(NamedTuple):
    """One camera."""

    source: str
    """The SOURCE that opens it, such as ``webcam:0``."""
    device: str
    name: str


def list_cameras(folder: Path = VIDEO_DEVICES) -> list[CameraName]:
    """The cameras that Linux lists, by number; empty on other operating systems.

    A camera also has devices for its metadata, with its name but without images: their ``index`` is not 0.
    """
    found = []
    for device in folder.glob("video*"):
        match = re.fullmatch(r"video(\d+)", device.name)
        if match is None or _read(device / "index") not in ("", "0"):
            continue
        number = int(match[1])
        found.append(
            (number, CameraName(f"webcam:{number}", f"/dev/{device.name}", _read(device / "name") or "camera"))
        )
    return [camera for _, camera in sorted(found)]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
