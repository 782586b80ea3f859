"""The page of drc web in a headless Chromium: frames a second, age, time to the first mask, bytes over the wire.

    python benchmarks/browser.py --seconds 15

The camera is the clip of the sample at 640x480 as Motion JPEG, which Chromium plays at 30 frames/s; the browser decodes, shows
and computes on the same cores. One run without the headers COOP and COEP (one thread), one with them. The result goes to
benchmarks/results/browser.json.
"""

import argparse
import gzip
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import cv2

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drc_runtime.browser.site import write_site  # noqa: E402
from drc_runtime.machine import machine_name  # noqa: E402
from drc_runtime.samples import sample_path  # noqa: E402
from tests.runtime.browser.static_server import StaticServer  # noqa: E402
from tests.runtime.sinks.web.browser import Browser  # noqa: E402

SIZE = (640, 480)
FIGURES = ("fps", "age50", "age95", "taken", "frames", "threads", "first")


def write_camera(path: Path, sample: str) -> None:
    clip = cv2.VideoCapture(str(sample_path(sample)))
    with open(path, "wb") as opened:
        while (read := clip.read())[0]:
            opened.write(cv2.imencode(".jpg", cv2.resize(read[1], SIZE))[1].tobytes())


def measure(site: Path, camera: Path, steps: int, seconds: float, isolated: bool) -> dict[str, object]:
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        StaticServer(site, isolated=isolated) as server,
        Browser(Path(profile), camera=camera) as browser,
    ):
        browser.open(server.url)
        browser.wait("document.querySelectorAll('#views input').length === 5")
        browser.run(f"document.querySelector('#steps').value = {steps}")
        browser.run("document.querySelector('#steps').dispatchEvent(new Event('input'))")
        asked = browser.run("document.querySelector('#camera').click(), performance.now()")
        browser.wait("document.querySelector('#model').textContent !== '–'", 120)
        ready = browser.run("performance.now()")
        browser.wait("document.querySelector('#first').textContent !== '–'", 120)
        first = asked / 1000 + float(browser.run("document.querySelector('#first').textContent").split()[0])
        time.sleep(3)  # the cold start is over
        time.sleep(seconds)
        shown = {name: browser.run(f"document.querySelector('#{name}').textContent") for name in FIGURES}
        assert not browser.complaints, browser.complaints
        return {
            **shown,
            "ready_seconds": round(ready / 1000, 2),
            "first_mask_seconds": round(first, 2),
            "load": round(os.getloadavg()[0], 1),
        }


def wire(site: Path) -> dict[str, int]:
    """Bytes of what the page fetches before the first mask: as it is, and as a host sends it gzipped."""
    names = ["index.html", "look.css", "page.css", *(it.name for it in site.glob("*.js"))]
    names += ["bundle/manifest.json", "bundle/posterior_step.onnx", "icon.svg"]
    names += [f"onnxruntime-web/{it.name}" for it in (site / "onnxruntime-web").iterdir() if it.name != "LICENSE"]
    data = {name: (site / name).read_bytes() for name in names}
    packed = {name: len(gzip.compress(it, 9)) for name, it in data.items()}
    return {"bytes": sum(map(len, data.values())), "gzipped": sum(packed.values()), **packed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--sample", default="scene")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site, camera = Path(folder) / "site", Path(folder) / "camera.mjpeg"
        write_site(given.sample, site)
        write_camera(camera, given.sample)
        result = {
            "machine": machine_name(),
            "sample": given.sample,
            "steps": given.steps,
            "wire": wire(site),
            "one_thread": measure(site, camera, given.steps, given.seconds, isolated=False),
            "threads": measure(site, camera, given.steps, given.seconds, isolated=True),
        }
    path = ROOT / "benchmarks" / "results" / "browser.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
