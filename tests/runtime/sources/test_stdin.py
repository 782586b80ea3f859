"""Standard input: an image, raw frames, and the layouts of raw frames."""

import os
import threading
from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drc_runtime.errors import SourceError, UsageError
from drc_runtime.sources.open import open_source
from drc_runtime.sources.stdin import RawLayout, RawStream, StdinImage


@pytest.fixture
def feed():
    """A pipe into which a thread writes; gives the end to read from."""
    opened = []

    def start(data: bytes) -> int:
        reading, writing = os.pipe()
        opened.append(reading)

        def write() -> None:
            with open(writing, "wb") as file:
                file.write(data)

        threading.Thread(target=write, daemon=True).start()
        return reading

    yield start
    for handle in opened:
        os.close(handle)


def test_an_image(feed, image) -> None:
    data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    source = StdinImage(feed(data))
    (frame,) = source
    np.testing.assert_array_equal(frame.image, image)
    assert (source.rate, source.count, source.live, frame.name) == (None, 1, False, "stdin")


@pytest.mark.parametrize(("data", "reason"), [(b"", "nothing comes"), (b"text", "standard input is not an image")])
def test_other_data_than_an_image_is_refused(feed, data: bytes, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        StdinImage(feed(data))


def test_raw_frames_arrive_whole_with_exact_times(feed) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 300, 200, 3), np.uint8)  # larger than a pipe holds
    source = RawStream(RawLayout.parse("200x300@30000/1001"), feed(pixels.tobytes()))
    frames = list(source)
    np.testing.assert_array_equal([frame.image for frame in frames], pixels)
    assert source.rate == Fraction(30000, 1001) and source.failures == [] and source.dropped == 0
    assert [frame.seconds for frame in frames] == [float(index / source.rate) for index in range(5)]


def test_a_last_frame_that_is_cut_short_is_left_out_and_said(feed) -> None:
    source = RawStream(RawLayout.parse("2x2"), feed(bytes(12 + 5)))
    assert len(list(source)) == 1
    assert source.failures == ["standard input ends within frame 1, after 5 of 12 bytes; is --raw right?"]


def test_raw_input_without_a_byte_is_an_error(feed) -> None:
    with pytest.raises(SourceError, match="nothing comes from standard input"):
        next(iter(RawStream(RawLayout.parse("2x2"), feed(b""))))


@pytest.mark.parametrize("text", ["", "640", "640x", "0x5", "5x99999", "5x5@0", "5x5@1/0", "5x5@-1", "5x5@nan", "5 x5"])
def test_invalid_layouts_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--raw"):
        RawLayout.parse(text)


@given(st.text(alphabet="0123456789x@/. ", max_size=30))
def test_any_text_is_a_layout_or_a_usage_error(text: str) -> None:
    try:
        layout = RawLayout.parse(text)
    except UsageError:
        return
    assert layout.width > 0 and layout.height > 0 and layout.rate > 0


def test_raw_is_for_standard_input_only() -> None:
    with pytest.raises(UsageError, match="write - instead of sample"):
        open_source("sample", raw="2x2")
