"""Whether there can be a window is found out without risking this process; keys do what they say."""

import sys
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np
import pytest

from drc_runtime.compose import overlay
from drc_runtime.extractor import Extraction
from drc_runtime.video import Frame, window
from drc_runtime.video.window import WindowSink, display_available

PICTURE = np.zeros((4, 4, 3), np.uint8)


@pytest.fixture(autouse=True)
def forget_display() -> Iterator[None]:
    display_available.cache_clear()
    yield
    display_available.cache_clear()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has variables for this")
@pytest.mark.parametrize("variables", [{}, {"DISPLAY": ":4711"}, {"WAYLAND_DISPLAY": "wayland-4711"}])
def test_without_a_display_that_answers_there_is_no_window(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert not display_available()  # a false guess would end this process


class FakeScreen:
    """Stands in for OpenCV's window functions: scripted keys, a clock that only waiting moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, keys: list[int]) -> None:
        self.keys = keys
        self.waits: list[int] = []
        self.shown: list[np.ndarray] = []
        self.now = 100.0
        self.visible = True
        for name in ("namedWindow", "resizeWindow", "destroyWindow"):
            monkeypatch.setattr(cv2, name, lambda *_: None)
        monkeypatch.setattr(cv2, "imshow", lambda _, picture: self.shown.append(picture))
        monkeypatch.setattr(cv2, "waitKey", self.wait)
        monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0 if self.visible else -1.0)
        monkeypatch.setattr(window.time, "monotonic", lambda: self.now)

    def wait(self, milliseconds: int) -> int:
        self.waits.append(milliseconds)
        self.now += milliseconds / 1000
        return self.keys.pop(0) if self.keys else -1


def show(sink: WindowSink, count: int) -> None:
    for index in range(count):
        sink.write(Frame(PICTURE, index, 0.0, ""), Extraction(PICTURE[..., 0], 0.0, 1))


def test_a_file_is_shown_at_its_own_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeScreen(monkeypatch, [])
    sink = WindowSink(overlay, rate=Fraction(25), live=False)
    show(sink, 26)
    assert len(screen.shown) == 26
    assert 0.96 <= screen.now - 100 <= 1.04


def test_a_live_source_is_never_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeScreen(monkeypatch, [])
    show(WindowSink(overlay, rate=Fraction(25), live=True), 10)
    assert set(screen.waits) == {1}


@pytest.mark.parametrize("key", [ord("q"), 27])
def test_q_and_escape_close(monkeypatch: pytest.MonkeyPatch, key: int) -> None:
    FakeScreen(monkeypatch, [-1, key])
    sink = WindowSink(overlay, rate=Fraction(25), live=True)
    show(sink, 1)
    assert not sink.closed
    show(sink, 1)
    assert sink.closed


def test_space_pauses_until_the_next_key(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeScreen(monkeypatch, [ord(" "), -1, -1, -1, ord(" ")])
    sink = WindowSink(overlay, rate=Fraction(25), live=True)
    show(sink, 1)
    assert screen.waits == [1, 100, 100, 100, 100] and not sink.closed


def test_closing_the_window_ends_even_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeScreen(monkeypatch, [])
    screen.visible = False
    sink = WindowSink(overlay, rate=None, live=False)
    show(sink, 1)
    assert sink.closed


def test_a_picture_stays_until_a_key_is_pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeScreen(monkeypatch, [-1, -1, ord("n")])
    sink = WindowSink(overlay, rate=None, live=False)
    show(sink, 1)
    assert len(screen.waits) == 3 and not sink.closed
