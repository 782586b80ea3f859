"""The window that shows a run, and the check that this machine can open one."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drc_runtime.errors import OutputError
from drc_runtime.frames import Frame, Sink, View
from drc_runtime.images import Image, write_png
from drc_runtime.sinks.caption import draw_caption
from drc_runtime.sinks.statistics import Figures
from drc_runtime.views.controls import Controls

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction

TITLE = "drc (space: pause, b: background, s: snapshot, q: quit)"
QUIT_KEYS = (ord("q"), 27)
PAUSE_KEY, VIEW_KEY, SNAPSHOT_KEY = ord(" "), ord("b"), ord("s")
NO_KEY = 0xFF
MESSAGE_SECONDS = 3.0
PAUSED_MILLISECONDS = 50
PROBE = "import cv2; cv2.namedWindow('drc'); cv2.destroyAllWindows()"


@cache
def display_available() -> bool:
    """Whether a window can be opened.

    OpenCV ends the whole process if it cannot reach the display server, and its Linux wheels support only X11. So a
    child process opens a window first; DISPLAY alone proves nothing.
    """
    if not sys.platform.startswith("linux"):
        return True
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        return False
    try:
        # -P: a cv2.py in the current folder must not be run
        probe = subprocess.run([sys.executable, "-P", "-c", PROBE], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


class WindowSink(Sink):
    """Shows frames with a caption. Only for the main thread, and only if ``display_available``.

    A file is shown no faster than its ``rate``; a still image (no rate) stays until a key is pressed. Space pauses, b selects
    the next view, s saves the shown image as PNG in the current folder. q, Escape and closing the window set ``closed``.

    Args:
        view: makes the image from a frame and its extraction.
        controls: the settings that the keys change.
        figures: the numbers in the caption.
        rate, live: those of the source.
    """

    def __init__(
        self, view: View, controls: Controls, figures: Callable[[], Figures], *, rate: Fraction | None, live: bool
    ) -> None:
        self.closed = False
        self._view, self._controls, self._figures = view, controls, figures
        self._rate, self._live = rate, live
        self._due = 0.0
        self._size = (0, 0)
        self._latest: tuple[Frame, Extraction] | None = None
        self._message, self._message_until = "", 0.0
        # The Qt in OpenCV's wheels has no fonts and warns about it.
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        self._latest = (frame, extraction)
        self._show()
        if self._rate is None:
            while not self.closed and self._wait(100) in (NO_KEY, VIEW_KEY, SNAPSHOT_KEY):
                pass
        else:
            self._wait(self._pause_milliseconds())

    def idle(self) -> None:
        """For a run that is paused or waits for a frame: handles keys and shows changes of the controls."""
        if self._latest is not None:
            self._show()
        self._wait(PAUSED_MILLISECONDS)

    def close(self) -> None:
        if self._visible():
            cv2.destroyWindow(TITLE)

    def discard(self) -> None:
        self.close()

    def _show(self) -> None:
        assert self._latest is not None
        shown = self._view(*self._latest)
        if self._size != shown.shape[:2]:
            self._size = (shown.shape[0], shown.shape[1])
            cv2.resizeWindow(TITLE, self._size[1], self._size[0])
        # The conversion makes a copy: the view's image must not be written to.
        image = np.asarray(cv2.cvtColor(shown, cv2.COLOR_RGB2BGR), np.uint8)
        draw_caption(image, self._caption())
        cv2.imshow(TITLE, image)

    def _caption(self) -> list[str]:
        figures = self._figures()
        words = [f"{figures.steps} steps"] if figures.steps else []
        if figures.age_p50 is not None:
            words.insert(0, f"age {figures.age_p50:.0f} ms")
        if figures.fps is not None and self._rate is not None:
            words.insert(0, f"{figures.fps:.1f} frames/s")
        lines = [", ".join(words), self._controls.view]
        if self._controls.settings.paused:
            lines.append("paused")
        if time.monotonic() < self._message_until:
            lines.append(self._message)
        return [line for line in lines if line]

    def _pause_milliseconds(self) -> int:
        """The minimum time to show this frame."""
        if self._live:
            return 1
        assert self._rate is not None
        now = time.monotonic()
        wait = max(1, round((self._due - now) * 1000))
        self._due = max(self._due, now) + float(1 / self._rate)
        return wait

    def _wait(self, milliseconds: int) -> int:
        """Waits for a key and handles it; sets ``closed`` if the window was closed."""
        key = cv2.waitKey(milliseconds) & 0xFF
        if key == PAUSE_KEY and self._rate is not None:
            self._controls.toggle_pause()
        elif key == VIEW_KEY and self._latest is not None:
            self._controls.next_view()
            self._show()
        elif key == SNAPSHOT_KEY and self._latest is not None:
            self._snapshot()
            self._show()
        self.closed = self.closed or key in QUIT_KEYS or not self._visible()
        return key

    def _snapshot(self) -> None:
        assert self._latest is not None
        frame, extraction = self._latest
        try:
            path = save_snapshot(self._view(frame, extraction), frame)
        except OutputError as error:  # a failed snapshot does not end the run
            self._say(str(error))
        else:
            self._say(f"saved {path}")

    def _say(self, message: str) -> None:
        self._message, self._message_until = message, time.monotonic() + MESSAGE_SECONDS

    def _visible(self) -> bool:
        try:
            return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # some window systems raise this for a closed window
            return False


def save_snapshot(image: Image, frame: Frame) -> Path:
    """Writes ``drc-NAME.png`` into the current folder; if it exists, ``drc-NAME-2.png``, and so on.

    Raises:
        OutputError: the file cannot be written.
    """
    path, number = Path(f"drc-{frame.name}.png"), 1
    while path.exists():
        number += 1
        path = Path(f"drc-{frame.name}-{number}.png")
    write_png(path, image)
    return path
