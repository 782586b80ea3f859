"""The cameras of this machine by name: ``drc run --list``."""

import re
from pathlib import Path
from typing import NamedTuple

VIDEO_DEVICES = Path("/sys/class/video4linux")


class CameraName(NamedTuple):
    """A camera as the operating system lists it."""

    source: str
    """What to write as SOURCE."""
    device: str
    name: str


def list_cameras(folder: Path = VIDEO_DEVICES) -> list[CameraName]:
    """The capture devices that Linux knows, by number; empty where there are none, or on other systems.

    A camera has further devices for its metadata, which carry its name but no images; ``index`` tells them apart.
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
