"""A video as the background: its rate, its loop, and its errors."""

from collections.abc import Iterator
from fractions import Fraction

import pytest

from drc_runtime.errors import SourceError
from drc_runtime.views.video_background import VideoBackground


@pytest.fixture
def ramp(make_video) -> Iterator[VideoBackground]:
    """12 frames at 10 a second; frame i has brightness 8 i."""
    background = VideoBackground(make_video("ramp.avi", rate=10))
    yield background
    background.close()


def level(background: VideoBackground, seconds: float) -> int:
    return round(float(background.at(seconds).mean()) / 8)


def test_it_plays_at_its_own_rate_and_starts_over(ramp: VideoBackground) -> None:
    times = [Fraction(index, 25) for index in range(80)]  # of a clip of another rate
    found = [level(ramp, float(time)) for time in times]
    assert found == [int(time * 10 + Fraction(1, 1000)) % 12 for time in times]


def test_it_does_not_jump_after_a_gap(ramp: VideoBackground) -> None:
    assert level(ramp, 0.0) == 0
    assert level(ramp, 1000.0) == 5  # half a second on
    assert level(ramp, 999.0) == 5  # another output is a frame behind


def test_a_file_that_is_gone_when_it_starts_over_is_an_error_in_every_call(make_video) -> None:
    path = make_video("ramp.avi", frames=3, rate=10)
    background = VideoBackground(path)
    path.unlink()
    try:
        for _ in range(2):
            with pytest.raises(SourceError, match=r"ramp\.avi"):
                for index in range(100):
                    background.at(index / 10)
    finally:
        background.close()
