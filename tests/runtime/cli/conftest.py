"""Shared by the command line's tests."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
Process = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def process() -> Process:
    """Runs ``python OPTIONS`` in a process of its own, with this checkout's packages."""

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run([sys.executable, *options], env=environment, capture_output=True, text=True)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images: the left half bright, which the toy bundle takes for the foreground."""
    folder = tmp_path / "images"
    folder.mkdir()
    image = np.full((32, 48, 3), 20, np.uint8)
    image[:, :24] = 230
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), image)
    return folder
