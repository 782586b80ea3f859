"""The virtual camera, with a stand-in for the package: the test machines have no such device."""

import re
import sys
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from drc_runtime.errors import MissingDependencyError, OutputError
from drc_runtime.frames import Frame
from drc_runtime.inference.extraction import Extraction
from drc_runtime.packages import install_command
from drc_runtime.sinks.virtual_camera import VirtualCameraSink


class FakeCamera:
    opened: list["FakeCamera"] = []

    def __init__(self, width: int, height: int, fps: float, *, fmt: str) -> None:
        self.shape, self.fps, self.fmt = (height, width, 3), fps, fmt
        self.sent: list[np.ndarray] = []
        self.closed = False
        FakeCamera.opened.append(self)

    def send(self, image: np.ndarray) -> None:
        assert image.shape == self.shape and image.dtype == np.uint8 and image.flags.c_contiguous
        self.sent.append(image)

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def fake_package(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    FakeCamera.opened = []
    package = SimpleNamespace(Camera=FakeCamera, PixelFormat=SimpleNamespace(RGB="rgb"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", package)
    return package


def send(sink: VirtualCameraSink, height: int, width: int) -> None:
    image = np.full((height, width, 3), 77, np.uint8)
    sink.write(Frame(image, 0, 0.0, ""), Extraction(image[..., 0], 0.0, 1))


def camera_sink() -> VirtualCameraSink:
    return VirtualCameraSink(Fraction(30000, 1001), lambda frame, extraction: frame.image)


def test_frames_of_any_size_go_into_one_camera_of_even_size() -> None:
    with camera_sink() as sink:
        send(sink, 47, 63)
        send(sink, 30, 80)
    (camera,) = FakeCamera.opened
    assert (camera.shape, camera.fmt, camera.closed) == ((48, 64, 3), "rgb", True)
    assert camera.fps == pytest.approx(29.97, abs=0.001)
    assert camera.sent[0].min() == 77 and len(camera.sent) == 2


def test_without_a_frame_no_camera_is_opened() -> None:
    with camera_sink():
        pass
    assert FakeCamera.opened == []


def test_a_system_without_a_device_is_told_with_the_way_out(fake_package: SimpleNamespace) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("v4l2loopback: no device")

    fake_package.Camera = fail
    with pytest.raises(OutputError, match=r"no device; on Linux load v4l2loopback"):
        send(camera_sink(), 4, 4)


def test_a_missing_package_is_told_before_the_first_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(MissingDependencyError, match=re.escape(install_command("vcam"))):
        camera_sink()
