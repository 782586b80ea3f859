"""``drc cameras``: the names that ``drc run`` takes."""

import json
from collections.abc import Callable

import pytest

from drc_runtime.sources import list_cameras
from drc_runtime.sources.list_cameras import CameraName

Drc = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("found", [[], [CameraName("webcam:1", "/dev/video1", "Cam \x1b[31m")]], ids=["none", "one"])
def test_cameras(drc: Drc, monkeypatch: pytest.MonkeyPatch, found: list[CameraName]) -> None:
    monkeypatch.setattr(list_cameras, "list_cameras", lambda: found)
    code, out, _ = drc("cameras", "--json")
    assert code == 0 and json.loads(out) == {"cameras": [camera._asdict() for camera in found]}
    code, out, err = drc("cameras")
    assert (code, err) == (0, "") and "\x1b" not in out
    assert out.startswith("webcam:1  /dev/video1  Cam" if found else "no cameras found")
