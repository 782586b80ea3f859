"""The window in which a person watches a run, and whether there can be one."""

import os
import subprocess
import sys
import time
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

import cv2

from drc_runtime.compose import Background
from drc_runtime.video.frame import Frame, Sink

if TYPE_CHECKING:
    from drc_runtime.extractor import Extraction

TITLE = "drc (space: pause, q: quit)"
QUIT_KEYS = (ord("q"), 27)
PAUSE_KEY = ord(" ")
PROBE = "import cv2; cv2.namedWindow('drc'); cv2.destroyAllWindows()"


@cache
def display_available() -> bool:
    """Whether a window can be opened.

    OpenCV ends the whole process where it cannot reach the display server, and its Linux wheels speak X11 only, so a
    set variable proves nothing: another process tries first.
    """
    if not sys.platform.startswith("linux"):
        return True
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        return False
    try:
        probe = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


class WindowSink(Sink):
    """Shows frames composed with ``background``; belongs to the main thread and to a machine with a display.

    A file is shown no faster than its ``rate``, a still picture (no rate) until a key is pressed. Space pauses;
    q, Escape and closing the window set ``closed``.
    """

    def __init__(self, background: Background, *, rate: Fraction | None, live: bool) -> None:
        self.closed = False
        self._background = background
        self._rate = rate
        self._live = live
        self._due = 0.0
        self._size = (0, 0)
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")  # the wheels' Qt misses its fonts, and says so
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        shown = self._background(frame.picture, extraction.probability)
        if self._size != shown.shape[:2]:
            self._size = (shown.shape[0], shown.shape[1])
            cv2.resizeWindow(TITLE, self._size[1], self._size[0])
        cv2.imshow(TITLE, cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))
        key = self._wait(self._pause_milliseconds())
        if key == PAUSE_KEY and self._rate is not None:
            self._wait(None)

    def close(self) -> None:
        if self._visible():
            cv2.destroyWindow(TITLE)

    def discard(self) -> None:
        self.close()

    def _pause_milliseconds(self) -> int | None:
        """How long this frame stays at least; None: until a key is pressed."""
        if self._live:
            return 1
        if self._rate is None:
            return None
        now = time.monotonic()
        wait = max(1, round((self._due - now) * 1000))
        self._due = max(self._due, now) + float(1 / self._rate)
        return wait

    def _wait(self, milliseconds: int | None) -> int:
        """Waits for a key, and notices when the window is closed by its button."""
        key = cv2.waitKey(milliseconds or 100) & 0xFF
        while milliseconds is None and key == 0xFF and self._visible():
            key = cv2.waitKey(100) & 0xFF
        self.closed = self.closed or key in QUIT_KEYS or not self._visible()
        return key

    def _visible(self) -> bool:
        try:
            return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # some window systems answer so for a window that is gone
            return False
