"""The page of the sample as ``drc web`` writes it; without Chromium or onnxruntime-web these tests are skipped."""

from pathlib import Path

import cv2
import pytest

from drc_runtime.browser.onnxruntime_web import onnxruntime_web
from drc_runtime.browser.site import write_site
from drc_runtime.errors import MissingDependencyError
from drc_runtime.samples import sample_path
from tests.runtime.sinks.web.browser import CHROMIUM


@pytest.fixture(scope="session")
def package() -> dict[str, bytes]:
    """The files of onnxruntime-web."""
    try:
        return onnxruntime_web()
    except MissingDependencyError as error:
        pytest.skip(f"no onnxruntime-web here: {error}")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, package: dict[str, bytes]) -> Path:
    """The folder of the sample's page."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    folder = tmp_path_factory.mktemp("browser") / "site"
    write_site("scene", folder)
    return folder


@pytest.fixture(scope="session")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's clip as Chromium takes it for its camera: JPEG images, one after another."""
    clip = cv2.VideoCapture(str(sample_path("scene")))
    path = tmp_path_factory.mktemp("camera") / "clip.mjpeg"
    with open(path, "wb") as opened:
        while (read := clip.read())[0]:
            opened.write(cv2.imencode(".jpg", read[1])[1].tobytes())
    return path
