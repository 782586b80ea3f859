"""The check for a display, the keys, and the pace of the window."""

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.frames import Frame
from drc_runtime.inference.extraction import Extraction
from drc_runtime.pipeline.loop import wait_while_paused
from drc_runtime.sinks import window
from drc_runtime.sinks.statistics import Figures
from drc_runtime.sinks.window import WindowSink, display_available
from drc_runtime.views.controls import Controls

IMAGE = np.full((120, 320, 3), 200, np.uint8)
FIGURES = Figures("live", 0, 0, 7, 25.0, 41.0, 55.0, 3, 0, None, 1.0)


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
        monkeypatch.setattr(cv2, "imshow", lambda _, image: self.shown.append(image))
        monkeypatch.setattr(cv2, "waitKey", self.wait)
        monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0 if self.visible else -1.0)
        monkeypatch.setattr(window.time, "monotonic", lambda: self.now)

    def wait(self, milliseconds: int) -> int:
        self.waits.append(milliseconds)
        self.now += milliseconds / 1000
        return self.keys.pop(0) if self.keys else -1


def window_sink(
    rate: Fraction | None = Fraction(25), live: bool = True, controls: Controls | None = None
) -> WindowSink:
    controls = controls or Controls()

    def view(frame: Frame, extraction: Extraction) -> np.ndarray:
        return frame.image

    return WindowSink(view, controls, lambda: FIGURES, rate=rate, live=live)


def show(sink: WindowSink, count: int) -> None:
    for index in range(count):
        sink.write(Frame(IMAGE, index, 0.0, f"{index:05d}"), Extraction(IMAGE[..., 0], 0.0, 1))


def test_a_file_is_shown_at_its_own_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeScreen(monkeypatch, [])
    show(window_sink(live=False), 26)
    assert len(screen.shown) == 26
    assert 0.96 <= screen.now - 100 <= 1.04


def test_a_live_source_is_never_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeScreen(monkeypatch, [])
    show(window_sink(), 10)
    assert set(screen.waits) == {1}


@pytest.mark.parametrize("key", [ord("q"), 27])
def test_q_and_escape_close(monkeypatch: pytest.MonkeyPatch, key: int) -> None:
    FakeScreen(monkeypatch, [-1, key])
    sink = window_sink()
    show(sink, 1)
    assert not sink.closed
    show(sink, 1)
    assert sink.closed


def test_the_caption_is_drawn_into_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeScreen(monkeypatch, [])
    show(window_sink(), 1)
    changed = (screen.shown[0] != 200).any(axis=2)
    assert changed[:20, :100].mean() > 0.8 and not changed[:, 250:].any() and not changed[100:].any()
    assert (IMAGE == 200).all()


def test_space_pauses_and_goes_on_through_the_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeScreen(monkeypatch, [ord(" "), -1, ord("b"), ord(" ")])
    controls = Controls()
    sink = window_sink(controls=controls)
    show(sink, 1)
    assert controls.settings.paused and not sink.closed
    assert wait_while_paused(controls, sink)
    assert not controls.settings.paused and controls.view == "mask"
    assert len(screen.shown) >= 4  # a paused window shows changes of the view
    assert not wait_while_paused(controls, sink)


def test_closing_the_window_ends_even_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeScreen(monkeypatch, [])
    controls = Controls()
    sink = window_sink(controls=controls)
    controls.change(paused=True)
    screen.visible = False
    assert wait_while_paused(controls, sink) and sink.closed


def test_b_goes_through_all_views_and_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeScreen(monkeypatch, [ord("b")] * 3)
    controls = Controls(views=("beach.jpg", "overlay", "mask"))
    sink = window_sink(controls=controls)
    seen = []
    for _ in range(3):
        show(sink, 1)
        seen.append(controls.view)
    assert seen == ["overlay", "mask", "beach.jpg"]


def test_s_saves_what_is_shown_without_the_caption_and_replaces_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drc-00000.png").write_bytes(b"precious")
    screen = FakeScreen(monkeypatch, [ord("s")])
    show(window_sink(), 1)
    assert (tmp_path / "drc-00000.png").read_bytes() == b"precious"
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "drc-00000-2.png")), IMAGE)
    assert (screen.shown[0] != screen.shown[1]).any()  # the second one says so


def test_a_snapshot_that_cannot_be_written_does_not_end_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    screen = FakeScreen(monkeypatch, [ord("s")])
    show(window_sink(), 2)
    assert len(screen.shown) == 3


def test_an_image_stays_until_a_key_is_pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeScreen(monkeypatch, [-1, -1, ord("b"), ord("n")])
    sink = window_sink(rate=None, live=False)
    show(sink, 1)
    assert len(screen.waits) == 4 and not sink.closed


def test_closing_the_window_ends_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeScreen(monkeypatch, [])
    screen.visible = False
    sink = window_sink(rate=None, live=False)
    show(sink, 1)
    assert sink.closed
