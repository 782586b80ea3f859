"""Modules that lie in the current folder are never run by ``drc`` and its children."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.cli.app import COMMANDS
from drc_runtime.pipeline.learn_child import PROGRAM

ROOT = Path(__file__).resolve().parents[1]
PLANTED = (
    "cv2",
    "numpy",
    "torch",
    "yaml",
    "onnxruntime",
    "json",
    "drc_runtime",
    "drc_export",
    "av",
    "typing",
    "safetensors",
)
START = "import sys; sys.path[:0] = [{root!r}]; from drc_runtime.cli import main; main()"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder with an image, a video and modules that leave a mark when they are imported."""
    for name in PLANTED:
        (tmp_path / f"{name}.py").write_text(f"open('ran-{name}', 'w').close()\nraise SystemExit('planted')\n")
    image = np.full((16, 24, 3), 90, np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (24, 16))
    for _ in range(3):
        writer.write(image)
    writer.release()
    return tmp_path


def run_in(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, env=environment())


def environment() -> dict[str, str]:
    """Without PYTHONPATH, in which an empty entry is the current folder; with a display that does not answer."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "DISPLAY": ":987", "QT_QPA_PLATFORM": "xcb"}


def assert_nothing_ran(folder: Path, done: "subprocess.CompletedProcess[str]") -> None:
    assert not list(folder.glob("ran-*")), done.stderr
    assert "planted" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_imports_what_lies_in_the_current_folder(hostile: Path, command: str) -> None:
    words = command.split()
    done = run_in(hostile, sys.executable, "-P", "-c", START.format(root=str(ROOT)), *words, "--help")
    assert done.returncode == 0, done.stderr
    assert_nothing_ran(hostile, done)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "a.png", "--model", "sample", "--masks", "masks"),
        ("run", "a.avi", "--masks", "masks"),
        ("run", "a.avi", "--out", "out.avi"),
        ("run", "a.png", "--model", "sample"),  # asks for a window
        ("doctor",),
        ("info", "sample"),
    ],
    ids=" ".join,
)
def test_runs_and_their_children_neither(hostile: Path, words: tuple[str, ...]) -> None:
    done = run_in(hostile, sys.executable, "-P", "-c", START.format(root=str(ROOT)), *words)
    assert_nothing_ran(hostile, done)
    assert "Traceback" not in done.stderr
    if "--masks" in words:
        assert done.returncode == 0 and list((hostile / "masks").iterdir()), done.stderr


def test_the_child_of_learning_neither(hostile: Path) -> None:
    """It ends at once, because its arguments are no frames."""
    done = run_in(hostile, *PROGRAM, "nothing", "run", "bundle", "1")
    assert_nothing_ran(hostile, done)
    assert "No module named" not in done.stderr


def test_the_window_s_probe_neither(hostile: Path) -> None:
    program = "from drc_runtime.sinks.window import display_available; print(display_available())"
    done = run_in(hostile, sys.executable, "-P", "-c", program)
    assert_nothing_ran(hostile, done)
    assert done.stdout == "False\n"
