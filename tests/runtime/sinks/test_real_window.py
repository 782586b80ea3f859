"""A real window under a virtual X server: the frame, the caption, the keyboard, and a server that is gone."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.sinks import window

ROOT = Path(window.__file__).parents[2]
XVFB = shutil.which("Xvfb")
pytestmark = pytest.mark.skipif(XVFB is None, reason="no Xvfb here")

SHOW = """
import sys, time
from fractions import Fraction
from pathlib import Path
import numpy as np
from drc_runtime.views.controls import Controls
from drc_runtime.inference.extraction import Extraction
from drc_runtime.sinks.statistics import Figures
from drc_runtime.frames import Frame
from drc_runtime.views.views import Views
from drc_runtime.sinks.window import WindowSink, display_available
assert display_available()
controls = Controls()
figures = Figures("live", 0, 0, 7, 25.0, 41.0, 55.0, 3, 0, None, 1.0)
image = np.full((360, 480, 3), (200, 120, 40), np.uint8)
probability = np.zeros((360, 480), np.uint8)
probability[150:300, 200:400] = 255
views = Views("overlay", controls)
with WindowSink(views.shown, controls, lambda: figures, rate=Fraction(25), live=True) as sink:
    for index in range(int(sys.argv[1])):
        sink.write(Frame(image, index, index / 25, "00000"), Extraction(probability, 0.0, 3))
        time.sleep(0.02)
        if index == 20:
            print("shown", flush=True)
        if sink.closed or Path("seen").exists():
            break
print("ended", controls.view, controls.settings.paused, sink.closed, flush=True)
"""


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an X server whose image lies in ``tmp_path``."""
    read, write = os.pipe()
    arguments = [
        "-displayfd",
        str(write),
        "-screen",
        "0",
        "800x600x24",
        "-fbdir",
        str(tmp_path),
        "-nolisten",
        "tcp",
        "-noreset",
    ]
    server = subprocess.Popen([str(XVFB), *arguments], pass_fds=(write,), stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    yield os.environ | {"DISPLAY": f":{number}", "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "xcb"}
    server.terminate()  # killed, it would leave its socket behind
    server.wait()


def image_of(folder: Path) -> np.ndarray:
    """``(600, 800, 3)`` BGR out of the X server's frame buffer, an XWD file of 32 bits a pixel."""
    data = (folder / "Xvfb_screen0").read_bytes()
    header, colours = (int.from_bytes(data[at : at + 4]) for at in (0, 76))
    pixels = np.frombuffer(data, np.uint8, 600 * 800 * 4, header + 12 * colours)
    return pixels.reshape(600, 800, 4)[..., :3]


def test_a_window_shows_the_frame_and_its_caption(screen: dict[str, str], tmp_path: Path) -> None:
    def lifted(image: np.ndarray) -> int:
        return int((np.abs(image.astype(int) - (40, 120, 200)).max(axis=2) < 12).sum())

    command = [sys.executable, "-c", SHOW, "5000"]
    with subprocess.Popen(command, env=screen, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as shown:
        assert shown.stdout.readline() == "shown\n"
        deadline = time.monotonic() + 30
        while not lifted(image := image_of(tmp_path)) and time.monotonic() < deadline:
            time.sleep(0.1)  # the server draws when it comes to it
        (tmp_path / "seen").touch()
        assert shown.stdout.readline() == "ended overlay False False\n"
    assert shown.returncode == 0
    if os.environ.get("KEEP_SCREENSHOT"):
        cv2.imwrite(os.environ["KEEP_SCREENSHOT"], image)
    assert 25_000 < lifted(image) < 32_000  # the foreground, 150 x 200, less its outline
    assert (image > 240).all(axis=2).sum() > 20  # the caption's letters


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("xdotool") is None, reason="no xdotool here")
def test_a_keyboard_s_keys_reach_the_window(screen: dict[str, str], tmp_path: Path) -> None:
    def press(*arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env=screen, check=True)
        time.sleep(0.4)  # one key at a time: OpenCV keeps only the last of those that come between two frames

    command = [sys.executable, "-c", SHOW, "1000"]
    with subprocess.Popen(command, env=screen, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as shown:
        assert shown.stdout.readline() == "shown\n"
        press("mousemove", "150", "120")  # without a window manager keys go to what is under the pointer
        for key in ("b", "s", "space", "q"):
            press("key", key)
        assert shown.stdout.readline() == "ended mask True True\n"
    assert cv2.imread(str(tmp_path / "drc-00000.png")).shape == (360, 480, 3)


def test_without_its_server_the_process_lives(screen: dict[str, str], tmp_path: Path) -> None:
    program = "from drc_runtime.sinks.window import display_available; print(display_available())"
    command = [sys.executable, "-c", program]
    for display, expected in ((screen["DISPLAY"], "True\n"), (":4711", "False\n")):
        done = subprocess.run(command, env=screen | {"DISPLAY": display}, capture_output=True, text=True, check=True)
        assert done.stdout == expected
