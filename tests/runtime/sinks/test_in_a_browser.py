"""What a newcomer opens first plays in a browser."""

from pathlib import Path

import pytest

from tests.flat_run import run_with
from tests.runtime.sinks.test_video_format import write_bars
from tests.runtime.sinks.web.browser import CHROMIUM, Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

PLAYED = """(async () => {
    const video = document.querySelector('video'); video.muted = true;
    await video.play();
    while (video.currentTime < 0.1 && !video.ended) await new Promise((it) => setTimeout(it, 20));
    return [video.videoWidth, video.videoHeight, Math.round(10 * video.duration) / 10, video.error];
})()"""


def played(path: Path, profile: Path) -> list[object]:
    """Width, height, seconds and error of a video that a browser opens as a file, after it has played a bit."""
    with Browser(profile) as browser:
        browser.open(path.as_uri())
        return list(browser.run(PLAYED))


def test_the_video_of_make_demo_plays(tmp_path: Path) -> None:
    """The command of the Makefile; one step a frame makes the same kind of file."""
    run_with("sample", out=tmp_path / "scene.mp4", steps=1)
    assert played(tmp_path / "scene.mp4", tmp_path / "profile") == [320, 240, 12.0, None]


@pytest.mark.parametrize("name", ["o.mp4", "o.webm"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full range"])
def test_any_source_becomes_a_video_that_plays(toy_bundle: Path, tmp_path: Path, name: str, full: bool) -> None:
    clip = write_bars(tmp_path / "a.mp4", (96, 144), 1, full)
    run_with(clip, bundle=toy_bundle, out=tmp_path / name, steps=1)
    assert played(tmp_path / name, tmp_path / "profile")[:2] == [144, 96]
