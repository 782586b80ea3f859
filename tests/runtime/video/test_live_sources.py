"""Cameras and streams: the latest frame wins, dropped ones are counted, a lost source ends the run in order."""

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from drc_runtime.errors import SourceError
from drc_runtime.video import open_source
from drc_runtime.video.camera import LiveSource


class ScriptedDecoder:
    """Hands out frames when the test says so."""

    rate = Fraction(30)
    count = None
    name = "camera 0"

    def __init__(self, ending: Exception | None = None) -> None:
        self.tickets = threading.Semaphore(0)
        self.stopped = threading.Event()
        self.ending = ending
        self.sent = 0

    def frames(self) -> Iterator[tuple[int, float, np.ndarray]]:
        for index in range(5):
            self.tickets.acquire()
            if self.stopped.is_set():
                return
            self.sent += 1
            yield index, 0.0, np.full((2, 2, 3), index, np.uint8)
        if self.ending is not None:
            raise self.ending

    def interrupt(self) -> None:
        self.stopped.set()
        self.tickets.release()

    def close(self) -> None:
        pass


def wait_for(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_the_latest_frame_wins_and_the_dropped_ones_are_counted() -> None:
    decoder = ScriptedDecoder()
    source = LiveSource(decoder)
    assert source.live and source.count is None and source.rate == 30
    frames = iter(source)
    decoder.tickets.release()
    first = next(frames)
    decoder.tickets.release(3)
    wait_for(lambda: source._slot is not None and source._slot.index == 3)
    second = next(frames)
    assert (first.index, second.index, second.picture[0, 0, 0]) == (0, 3, 3)
    assert second.name == "00003"
    assert source.dropped == 2
    source.close()


def test_a_source_that_stops_ends_the_iteration_with_a_failure() -> None:
    decoder = ScriptedDecoder()
    decoder.tickets.release(5)
    source = LiveSource(decoder)
    assert list(source)[-1].index == 4
    assert "camera 0 stopped sending frames" in source.failures[0]
    source.close()


def test_a_decoder_that_dies_ends_the_iteration_with_its_error() -> None:
    decoder = ScriptedDecoder(SourceError("the decoder crashed"))
    decoder.tickets.release(5)
    source = LiveSource(decoder)
    list(source)
    assert source.failures == ["the decoder crashed"]


def test_closing_is_no_failure() -> None:
    decoder = ScriptedDecoder()
    decoder.tickets.release()
    source = LiveSource(decoder)
    next(iter(source))
    source.close()
    assert source.failures == []
    assert not source._reader.is_alive()


def test_no_camera_is_one_line_with_a_way_out() -> None:
    with pytest.raises(SourceError, match="no camera 63 can be opened; .* drc run sample"):
        open_source("webcam:63")


class MotionJPEG(BaseHTTPRequestHandler):
    """Ten frames of growing brightness, as network cameras send them."""

    def do_GET(self) -> None:  # noqa: N802 - the base class's name
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for index in range(10):
            jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 20 * index, np.uint8))[1].tobytes()
            self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n")
            self.wfile.write(b"Content-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def camera_address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), MotionJPEG)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/stream.mjpg"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_network_camera_is_read_until_it_stops(camera_address: str) -> None:
    with open_source(camera_address) as source:
        frames = list(source)
    assert source.live and source.paths == frozenset()
    assert len(frames) + source.dropped == 10
    for frame in frames:
        assert abs(frame.picture.mean() - 20 * frame.index) < 3
    assert "stopped sending frames" in source.failures[0]


def test_an_address_where_nothing_answers_is_refused_without_its_password() -> None:
    with pytest.raises(SourceError, match="no video comes from rtsp://127.0.0.1:9/door") as caught:
        open_source("rtsp://user:secret@127.0.0.1:9/door")
    assert "secret" not in str(caught.value)


def test_a_recording_behind_an_address_is_refused_because_frames_of_it_would_be_lost(make_video) -> None:
    path = make_video("clip.avi")

    class Recording(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the base class's name
            self.send_response(200)
            self.send_header("Content-Length", str(path.stat().st_size))
            self.end_headers()
            self.wfile.write(path.read_bytes())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Recording)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with pytest.raises(SourceError, match="is a recording, not a live stream"):
            open_source(f"http://127.0.0.1:{server.server_port}/clip.avi")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
