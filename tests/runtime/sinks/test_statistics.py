"""The figures of a run are those of its latest frames."""

from types import SimpleNamespace

import numpy as np
import pytest

from drc_runtime.frames import Frame
from drc_runtime.inference.extraction import Extraction
from drc_runtime.sinks import statistics as health
from drc_runtime.sinks.statistics import LATEST, Health

IMAGE = np.zeros((2, 2, 3), np.uint8)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [50.0]
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def source(**values: object) -> SimpleNamespace:
    return SimpleNamespace(**{"state": "live", "reconnects": 0, "dropped": 0, "failures": [], **values})


def test_before_the_first_frame_nothing_is_made_up(clock: list[float]) -> None:
    figures = Health(source(state="connecting"), []).figures()
    assert (figures.state, figures.frames, figures.fps, figures.age_p50, figures.age_p95) == (
        "connecting", 0, None, None, None,
    )  # fmt: skip


def test_rate_and_age_follow_the_latest_frames(clock: list[float]) -> None:
    failures = ["one"]
    meter = Health(source(reconnects=2, dropped=5, failures=["two", "three"]), failures)
    for index in range(LATEST):  # slow and old
        clock[0] += 0.5
        meter.write(Frame(IMAGE, index, 0.0, "", clock[0] - 0.9), Extraction(IMAGE[..., 0], 0.0, 9))
    for index in range(LATEST):  # then fast and young
        clock[0] += 0.04
        meter.write(Frame(IMAGE, index, 0.0, "", clock[0] - 0.03), Extraction(IMAGE[..., 0], 0.0, 4))
    figures = meter.figures()
    assert figures.fps == pytest.approx(25)
    assert (figures.age_p50, figures.age_p95) == (pytest.approx(30), pytest.approx(30))
    assert (figures.frames, figures.steps, figures.failures) == (2 * LATEST, 4, 3)
    assert (figures.reconnects, figures.dropped) == (2, 5)
    assert figures.seconds == pytest.approx(LATEST * 0.54)


def test_what_lies_on_the_disk_has_no_age(clock: list[float]) -> None:
    meter = Health(source(), [])
    meter.write(Frame(IMAGE, 0, 0.0, ""), Extraction(IMAGE[..., 0], 0.0, 1))
    assert meter.figures().age_p50 is None
