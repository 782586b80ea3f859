"""What a run counts: figures of its latest frames while it goes on, and totals of all frames at its end."""

from types import SimpleNamespace

import numpy as np
import pytest

from drc_runtime.frames import Frame
from drc_runtime.inference.extraction import Extraction
from drc_runtime.sinks.statistics import LATEST, RunStatistics, Totals

IMAGE = np.zeros((2, 2, 3), np.uint8)
NOTHING = np.zeros((2, 2), np.uint8)


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def source(**values: object) -> SimpleNamespace:
    given = {"state": "live", "reconnects": 0, "dropped": 0, "failures": [], "skipped": 0, "live": True}
    return SimpleNamespace(**{**given, **values})


def test_before_the_first_frame_nothing_is_made_up(clock: Clock) -> None:
    statistics = RunStatistics(source(state="connecting"), clock=clock)
    figures = statistics.figures()
    assert (figures.state, figures.frames, figures.fps, figures.age_p50, figures.age_p95) == (
        "connecting", 0, None, None, None,
    )  # fmt: skip
    assert statistics.totals() == Totals(state="connecting", live=True)


def test_rate_and_age_follow_the_latest_frames(clock: Clock) -> None:
    failures = ["one"]
    camera = source(reconnects=2, dropped=4284, failures=["two", "three"])
    statistics = RunStatistics(camera, failures, clock=clock)
    camera.dropped += 5  # the others were dropped while a model was learned
    for index in range(LATEST):  # slow and old
        clock.now += 0.5
        statistics.write(Frame(IMAGE, index, 0.0, "", clock.now - 0.9), Extraction(NOTHING, 0.0, 9))
    for index in range(LATEST):  # then fast and young
        clock.now += 0.04
        statistics.write(
            Frame(IMAGE, index, 0.0, "", clock.now - 0.03), Extraction(NOTHING, 0.0, 4 if index % 10 else 32)
        )  # the scene changes
    statistics.write(Frame(IMAGE, LATEST, 0.0, "", clock.now - 0.03), Extraction(NOTHING, 0.0, 32))
    figures = statistics.figures()
    assert figures.fps == pytest.approx(25, rel=0.01)
    assert (figures.age_p50, figures.age_p95) == (pytest.approx(30), pytest.approx(30))
    assert (figures.frames, figures.steps, figures.failures) == (2 * LATEST + 1, 4, 3)
    assert (figures.reconnects, figures.dropped) == (2, 5)
    assert figures.seconds == pytest.approx(LATEST * 0.54)


def test_the_totals_are_of_all_frames_and_from_the_call_on(clock: Clock) -> None:
    camera, failures = source(dropped=7, failures=["cannot be read"], reconnects=1), ["diverged"]
    statistics = RunStatistics(camera, failures, started=40.0, clock=clock)
    camera.dropped += 3
    half = np.array([[255, 255], [0, 0]], np.uint8)
    for index, probability in enumerate((NOTHING, half, half, half)):
        begun = clock.now
        clock.now += 0.1
        frame = Frame(IMAGE, index, 0.0, "", begun - 0.02)
        stages = {"preprocess": 10.0, "steps": 20.0 + index, "mask": 30.0}
        statistics.write(frame, Extraction(probability, 0.0, 32 if index == 3 else 5, stages, begun))
    totals = statistics.totals()
    assert (totals.frames, totals.steps, totals.dropped, totals.reconnects) == (4, 5, 3, 1)
    assert totals.failures == ["diverged", "cannot be read"]
    assert totals.foreground_share == pytest.approx(3 / 8)
    assert totals.first_mask_seconds == pytest.approx(10.06)  # begun 10 s after the call, and 60 ms of work
    assert totals.milliseconds_p50 == pytest.approx(61.5)
    assert (totals.age_p50, totals.age_p95) == (pytest.approx(120), pytest.approx(120))
    assert totals.seconds == pytest.approx(10.4)


def test_files_have_no_age(clock: Clock) -> None:
    statistics = RunStatistics(source(live=False), clock=clock)
    statistics.write(Frame(IMAGE, 0, 0.0, ""), Extraction(NOTHING, 0.0, 1))
    totals = statistics.totals()
    assert statistics.figures().age_p50 is None and totals.age_p50 is None and not totals.live
