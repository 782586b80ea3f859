"""Runs that are watched: the page and the virtual camera beside, or instead of, what is written."""

import http.client
import json
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from drc_runtime.errors import MissingDependencyError
from tests.flat_run import run_with
from tests.mjpeg_server import MJPEGServer

SQUARE = np.zeros((48, 64, 3), np.uint8)
SQUARE[16:32, 20:40] = 255


def test_the_page_of_a_live_run_shows_it_and_changes_its_steps(toy_bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    lines: list[str] = []
    done = threading.Event()
    asked: list[dict] = []

    def notice(line: str) -> None:
        lines.append(line)
        if line.startswith("live page: "):
            threading.Thread(target=watch, args=(line.removeprefix("live page: http://").rstrip("/"),)).start()

    def ask(place: str, method: str, path: str, values: dict | None = None) -> dict:
        connection = http.client.HTTPConnection(place, timeout=10)
        connection.request(method, path, json.dumps(values), {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())

    def watch(place: str) -> None:
        ask(place, "POST", "/api/settings", {"steps": 5})
        for _ in range(100):
            asked.append(ask(place, "GET", "/api/state"))
            if asked[-1]["figures"]["steps"] == 5:
                break
            time.sleep(0.05)
        done.set()

    def progress(frames: int, total: int | None) -> None:
        if done.is_set():
            raise KeyboardInterrupt

    with MJPEGServer(lambda _: SQUARE) as camera:
        report = run_with(
            camera.address,
            bundle=toy_bundle,
            serve="0",
            log=tmp_path / "log",
            notice=notice,
            progress=progress,
        )
    assert report.interrupted and report.frames > 0 and report.outputs == []
    assert asked[-1]["figures"]["steps"] == 5 and asked[-1]["figures"]["age_p50"] > 0
    assert "live page" not in (tmp_path / "log").read_text()  # the address can hold a token


def test_a_video_for_the_virtual_camera_keeps_its_time(toy_bundle: Path, make_video, monkeypatch) -> None:
    sent: list[float] = []

    class Camera:
        def __init__(self, **_: object) -> None:
            pass

        def send(self, image: np.ndarray) -> None:
            sent.append(time.monotonic())

        def close(self) -> None:
            pass

    package = SimpleNamespace(Camera=Camera, PixelFormat=SimpleNamespace(RGB=0))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", package)
    report = run_with(make_video("clip.avi", rate=20), bundle=toy_bundle, vcam=True)
    assert report.frames == len(sent) == 12 and sent[-1] - sent[0] > 0.4
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(MissingDependencyError):
        run_with(make_video("clip.avi"), bundle=toy_bundle, vcam=True)
