"""The page in a real browser: sources, controls, and each failure in one sentence."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drc_runtime.browser.site import SOURCES, write_site
from tests.runtime.browser.static_server import StaticServer
from tests.runtime.sinks.web.browser import CHROMIUM, Browser

READY = "document.querySelector('#model').textContent !== '–'"
SHOWN = "Number(document.querySelector('#frames').textContent) >= 2"
FRAMES = "Number(document.querySelector('#frames').textContent)"
RECORDED = """(async () => {
    const video = document.createElement('video');
    video.src = document.querySelector('#download').href;
    await new Promise((done) => video.addEventListener('loadedmetadata', done));
    return [video.videoWidth, video.videoHeight];
})()"""
SAMPLE = "document.querySelector('#sample').click()"
PICTURE = """(async () => {
    const canvas = new OffscreenCanvas(64, 48);
    canvas.getContext('2d').fillRect(0, 0, 32, 48);
    const files = new DataTransfer();
    files.items.add(new File([await canvas.convertToBlob()], 'a.png', { type: 'image/png' }));
    document.querySelector('#chosen').files = files.files;
    document.querySelector('#chosen').dispatchEvent(new Event('change'));
})()"""
PROBLEM = "document.querySelector('#problem').textContent"


def test_the_camera_is_shown_cut_out_and_recorded(site: Path, camera: Path, tmp_path: Path) -> None:
    with StaticServer(site, isolated=True) as server, Browser(tmp_path / "profile", camera=camera) as browser:
        browser.open(server.url)
        browser.wait(READY, 60)
        browser.run("document.querySelector('#steps').value = 1")
        browser.run("document.querySelector('#steps').dispatchEvent(new Event('input'))")
        browser.key("c", 67)
        browser.wait(SHOWN, 60)
        assert "of " in browser.run("document.querySelector('#threads').textContent")
        browser.key("2", 50)
        assert browser.run("document.querySelector('#views input:checked').value") == "mask"
        browser.key("r", 82)
        browser.run("globalThis.before = Number(document.querySelector('#frames').textContent)")
        browser.wait("Number(document.querySelector('#frames').textContent) > before + 3", 60)
        browser.key("r", 82)
        browser.wait("!document.querySelector('#download').hidden")
        assert browser.run("document.querySelector('#download').download").startswith("masks.")
        assert browser.run(RECORDED) == [640, 480] or browser.run(RECORDED) == [320, 240]
        browser.key("p", 80)
        assert browser.run("document.querySelector('#state').textContent") == "paused"
        assert browser.run(PROBLEM) == "" and browser.complaints == []


def test_the_sample_plays_and_a_host_without_headers_gives_one_thread(site: Path, tmp_path: Path) -> None:
    with StaticServer(site) as server, Browser(tmp_path / "profile") as browser:
        browser.open(server.url)
        browser.wait(READY, 60)
        browser.wait("!document.querySelector('#sample').hidden")
        browser.run("document.querySelector('#sample').click()")
        browser.wait(SHOWN, 60)
        assert browser.run("document.querySelector('#threads').textContent").startswith("1, the server does not send")


@pytest.mark.parametrize("choose", [SAMPLE, PICTURE], ids=["video", "picture"])
def test_a_hidden_tab_pauses(site: Path, tmp_path: Path, choose: str) -> None:
    """Of a video the browser itself gives a hidden tab no frames; a picture goes on unless the page stops it."""
    with StaticServer(site) as server, Browser(tmp_path / "profile") as browser:
        browser.open(server.url)
        browser.wait(READY, 60)
        browser.wait("!document.querySelector('#sample').hidden")
        browser.run("document.querySelector('#steps').value = 1")
        browser.run("document.querySelector('#steps').dispatchEvent(new Event('input'))")
        browser.run(choose)
        browser.wait(SHOWN, 60)
        begun, first = time.monotonic(), browser.run(FRAMES)
        browser.wait(f"{FRAMES} >= {first + 8}", 60)
        taken = time.monotonic() - begun
        browser.hide()
        time.sleep(1.5)  # the page writes its figures twice a second, behind another tab once
        before = browser.run(FRAMES)
        time.sleep(2 * taken)
        assert browser.run(FRAMES) <= before + 1  # the one that the engine had
        assert browser.run("document.querySelector('#state').textContent") == "paused while hidden"
        browser.show()
        browser.wait(f"{FRAMES} > {before + 1}", 60)
        assert browser.run("document.querySelector('#state').textContent") == "live"


def test_a_camera_that_loses_its_colour_is_told(tmp_path: Path, package: dict[str, bytes]) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    write_site("fixed-camera", tmp_path / "site")
    random = np.random.default_rng(0)
    room = cv2.resize(random.integers(0, 256, (6, 8, 3), np.uint8), (320, 240), interpolation=cv2.INTER_CUBIC)
    grey = cv2.cvtColor(cv2.cvtColor(room, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    with open(tmp_path / "clip.mjpeg", "wb") as opened:
        for picture in [*200 * [room], *80 * [grey]]:
            noisy = np.clip(picture + random.normal(0, 2, (240, 320, 1)), 0, 255).astype(np.uint8)
            opened.write(cv2.imencode(".jpg", noisy)[1].tobytes())
    with (
        StaticServer(tmp_path / "site") as server,
        Browser(tmp_path / "profile", camera=tmp_path / "clip.mjpeg") as browser,
    ):
        browser.open(server.url)
        browser.wait(READY, 60)
        browser.run("document.querySelector('#steps').value = 1")
        browser.run("document.querySelector('#steps').dispatchEvent(new Event('input'))")
        browser.run("document.querySelector('#camera').click()")
        browser.wait("/: the camera shows no colour/.test(document.querySelector('#notice').textContent)", 60)
        browser.wait("/: colour is back/.test(document.querySelector('#notice').textContent)", 60)


def test_without_a_camera_one_sentence_says_so(site: Path, tmp_path: Path) -> None:
    with StaticServer(site) as server, Browser(tmp_path / "profile") as browser:
        browser.open(server.url)
        browser.wait(READY, 60)
        browser.run("document.querySelector('#camera').click()")
        browser.wait(PROBLEM + " !== ''")
        assert "no camera" in browser.run(PROBLEM)


def test_a_refused_camera_and_an_unreadable_file(site: Path, tmp_path: Path) -> None:
    with StaticServer(site) as server, Browser(tmp_path / "profile") as browser:
        browser.open(server.url)
        browser.wait(READY, 60)
        browser.run(
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
        )
        browser.run("document.querySelector('#camera').click()")
        browser.wait(PROBLEM + " !== ''")
        assert "allow it" in browser.run(PROBLEM)
        for name, kind in (("a.png", "image/png"), ("a.mp4", "video/mp4")):
            browser.run(f"""(() => {{
                const files = new DataTransfer();
                files.items.add(new File(['no pixels'], '{name}', {{ type: '{kind}' }}));
                document.querySelector('#chosen').files = files.files;
                document.querySelector('#chosen').dispatchEvent(new Event('change'));
            }})()""")
            browser.wait(PROBLEM + f".startsWith('{name}')")


def change_a_byte(bundle: Path) -> None:
    data = bytearray((bundle / "posterior_step.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / "posterior_step.onnx").write_bytes(data)


def edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(bundle: Path) -> None:
        values = json.loads((bundle / "manifest.json").read_text())
        change(values)
        (bundle / "manifest.json").write_text(json.dumps(values))

    return apply


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (change_a_byte, "SHA-256 differs"),
        (edit(lambda it: it.update(format="drc-bundle-9")), "drc-bundle-9"),
        (edit(lambda it: it["graphs"].clear()), "graphs.posterior_step is missing"),
        (lambda bundle: (bundle / "posterior_step.onnx").unlink(), "posterior_step.onnx is missing"),
        (lambda bundle: (bundle / "manifest.json").write_text("{"), "not valid JSON"),
        (lambda bundle: (bundle / "manifest.json").unlink(), "manifest.json is missing"),
    ],
    ids=["changed byte", "version", "no graph", "no file", "no JSON", "no manifest"],
)
def test_a_bad_bundle_ends_in_one_sentence(
    site: Path, tmp_path: Path, damage: Callable[[Path], object], said: str
) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(site, bad, copy_function=os.link)  # hard links: the folder holds 15 MB
    shutil.rmtree(bad / "bundle")
    shutil.copytree(site / "bundle", bad / "bundle")
    damage(bad / "bundle")
    with StaticServer(bad) as server, Browser(tmp_path / "profile") as browser:
        browser.open(server.url)
        browser.wait(PROBLEM + " !== '' && !" + PROBLEM + ".startsWith('This page is starting')", 60)
        problem = browser.run(PROBLEM)
        assert said in problem and "\n" not in problem
        assert browser.run("document.querySelector('#state').textContent") == "stopped"


def test_the_types_are_checked(tmp_path: Path) -> None:
    compiler = shutil.which("tsc")
    if compiler is None:
        pytest.skip("no TypeScript here: npm install -g typescript@5.9")
    options = "--noEmit --skipLibCheck --allowJs --checkJs --strict --target es2024 --module esnext".split()
    options += ["--moduleResolution", "bundler"]
    libraries = ["--lib", "es2024,dom,dom.iterable,webworker"]
    files = [str(SOURCES / name) for name in ("drc.js", "worker.js", "page.js")]
    done = subprocess.run([compiler, *options, *libraries, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
