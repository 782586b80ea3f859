"""The page in a real browser: it shows the run, and its controls change the run."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.runtime.sinks.web.browser import CHROMIUM, Browser

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

SEEN = "document.getElementById('live').naturalWidth > 0 && Number(document.getElementById('frames').textContent) > 0"


def decode(screenshot: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(screenshot, np.uint8), cv2.IMREAD_COLOR)


def test_the_page_shows_the_run_and_changes_it(start: Callable, fed: Callable, tmp_path: Path) -> None:
    run = start(token="correct-horse")
    fed(run)
    with Browser(tmp_path) as browser:
        browser.open(run.server.url)
        assert "needs its token" in browser.run("document.body.innerText")
        browser.open(run.server.url + "?token=correct-horse")
        browser.wait(SEEN)
        assert browser.run("location.search") == ""
        assert browser.run("document.getElementById('live').naturalWidth") == 160
        labels = "[...document.querySelectorAll('#views input')].map((it) => it.labels[0].innerText)"
        assert browser.run(labels) == ["overlay", "mask", "side-by-side", "blur", "green"]
        assert browser.run("document.getElementById('reconnects').textContent") == "2"

        slide = "(id, value) => { const it = document.getElementById(id); it.value = value;"
        slide += " it.dispatchEvent(new Event('input')); }"
        browser.run(f"({slide})('steps', 9)")
        browser.wait("document.getElementById('taken').textContent === '9'")
        browser.run(f"({slide})('threshold', 0.8)")
        browser.wait("fetch('api/state').then((it) => it.json()).then((it) => it.settings.threshold === 0.8)")
        assert run.controls.settings.steps == 9 and run.controls.settings.threshold == 0.8

        # With the keyboard alone: to the views, on to the next, then to the pause button.
        browser.run("document.querySelector('#views input:checked').focus()")
        browser.key("ArrowRight", 39)
        browser.wait("fetch('api/state').then((it) => it.json()).then((it) => it.settings.view === 'mask')")
        browser.run("document.getElementById('pause').focus()")
        browser.key(" ", 32)
        browser.wait("document.getElementById('pause').innerText === 'Go on'")
        browser.wait("document.getElementById('state').innerText === 'paused'")
        assert run.controls.settings.paused and run.controls.view == "mask"

        run.source.state = "lost"
        browser.key(" ", 32)
        browser.wait("document.getElementById('state').className === 'bad'")
        browser.open("about:blank#")
        assert [line for line in browser.complaints if "401" not in line] == []


def test_the_page_fits_a_phone_and_follows_the_system_s_colours(start: Callable, fed: Callable, tmp_path: Path) -> None:
    run = start()
    fed(run)
    with Browser(tmp_path, dark=True) as browser:
        browser.open(run.server.url, width=360, height=740, phone=True)
        browser.wait(SEEN)
        assert browser.run("document.documentElement.scrollWidth") <= 360
        targets = "[...document.querySelectorAll('.choices label, button, input[type=range]')]"
        assert browser.run(f"Math.min(...{targets}.map((it) => it.getBoundingClientRect().height))") >= 36
        assert decode(browser.screenshot())[-5:, :5].max() < 60
        run.server.close()
        browser.wait("document.getElementById('state').innerText.startsWith('no connection')")
