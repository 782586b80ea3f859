"""Cameras and streams: they keep the latest frame, count the dropped ones, and reconnect when they are lost."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from drc_runtime.errors import SourceError
from drc_runtime.frames import VideoFormat
from drc_runtime.sources import decoder as decoding
from drc_runtime.sources import live as camera
from drc_runtime.sources.backoff import Backoff
from drc_runtime.sources.live import LiveSource
from drc_runtime.sources.open import open_source
from tests.mjpeg_server import MJPEGServer


class ScriptedDecoder:
    """Hands out frames when the test says so."""

    rate = Fraction(30)
    count = None
    format = VideoFormat()
    name = "camera 0"

    def __init__(self, ending: Exception | None = None, frames: int = 5) -> None:
        self.tickets = threading.Semaphore(0)
        self.stopped = threading.Event()
        self.ending = ending
        self.count_of_frames = frames

    def frames(self) -> Iterator[tuple[int, float, np.ndarray]]:
        for index in range(self.count_of_frames):
            self.tickets.acquire()
            if self.stopped.is_set():
                return
            yield index, 0.0, np.full((2, 2, 3), index, np.uint8)
        if self.ending is not None:
            raise self.ending

    def interrupt(self) -> None:
        self.stopped.set()
        self.tickets.release()

    def close(self) -> None:
        pass


class Attempts:
    """What each attempt to connect gives: a decoder, or an error."""

    def __init__(self, *outcomes: ScriptedDecoder | Exception) -> None:
        self.left = list(outcomes)

    def __call__(self, spawned) -> ScriptedDecoder:
        outcome = self.left.pop(0) if self.left else SourceError("still gone")
        if isinstance(outcome, Exception):
            raise outcome
        spawned(outcome)
        return outcome


def wait_for(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backoff, "next", lambda self: 0.01)


def test_the_latest_frame_wins_and_the_dropped_ones_are_counted() -> None:
    decoder = ScriptedDecoder()
    source = LiveSource(Attempts(decoder))
    assert source.live and source.count is None and source.rate == 30 and source.state == "connecting"
    frames = iter(source)
    before = time.monotonic()
    decoder.tickets.release()
    first = next(frames)
    assert source.state == "live" and before <= first.captured <= time.monotonic()
    decoder.tickets.release(3)
    wait_for(lambda: source._slot is not None and source._slot.index == 3)
    second = next(frames)
    assert (first.index, second.index, second.image[0, 0, 0]) == (0, 3, 3)
    assert second.name == "00003"
    assert source.dropped == 2
    source.close()


@pytest.mark.parametrize("ending", [None, SourceError("the decoder crashed")])
def test_a_source_that_ends_or_dies_is_opened_again_and_nothing_is_made_up(quick, ending) -> None:
    first, second = ScriptedDecoder(ending, frames=1), ScriptedDecoder(frames=2)
    for decoder in (first, second):
        decoder.tickets.release(2)
    said: list[str] = []
    source = LiveSource(Attempts(first, SourceError("not yet"), SourceError("not yet"), second), notice=said.append)
    frames = iter(source)
    seen = [next(frames)]
    while seen[-1].index < 2:
        seen.append(next(frames))
    wait_for(lambda: source.state == "lost" and len(said) == 3)
    assert source.reconnects == 1 and len(seen) + source.dropped == 3
    assert "lost" in said[0] and ("crashed" in said[0]) == (ending is not None)
    assert said[1] == "camera 0 is back" and source.failures == []
    source.close()
    assert not source._reader.is_alive()


@pytest.mark.parametrize("error", [MemoryError("full"), ValueError("nonsense")])
def test_a_reader_that_dies_ends_the_run_and_does_not_hang_it(error: Exception) -> None:
    decoder = ScriptedDecoder(error, frames=1)
    decoder.tickets.release()
    source = LiveSource(Attempts(decoder))
    with pytest.raises(type(error), match=str(error)):
        for _ in source:
            pass
    source.close()


def test_closing_is_no_failure() -> None:
    decoder = ScriptedDecoder()
    decoder.tickets.release()
    source = LiveSource(Attempts(decoder))
    next(iter(source))
    source.close()
    assert source.failures == [] and source.reconnects == 0
    assert not source._reader.is_alive()


def test_a_first_attempt_that_fails_is_an_error_at_once() -> None:
    with pytest.raises(SourceError, match="no such camera"):
        LiveSource(Attempts(SourceError("no such camera")))


def test_waits_grow_to_half_a_minute_with_jitter_and_reset() -> None:
    backoff = Backoff()
    waits = [backoff.next() for _ in range(12)]
    assert 0.5 <= waits[0] <= 0.625 and all(0.5 <= wait <= 30 for wait in waits)
    assert all(wait >= 22.5 for wait in waits[7:]) and len(set(waits)) > 6
    backoff.reset()
    assert backoff.next() <= 0.625


def test_a_decoder_that_hangs_is_ended_and_counted_as_lost(tmp_path, monkeypatch) -> None:
    program = tmp_path / "hangs.py"
    program.write_text(HANGING_WORKER)
    monkeypatch.setattr(decoding, "PROGRAM", program)
    decoder = decoding.Decoder("stream", "x", name="door", refusal="no", patience=0.3)
    frames = decoder.frames()
    next(frames)
    with pytest.raises(SourceError, match="door sent nothing for 0.3 s"):
        next(frames)
    decoder.close()
    assert decoder._process.poll() is not None


HANGING_WORKER = """
import os, signal, struct, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
out = os.fdopen(os.dup(1), "wb")
out.write(b'{"rate": 25.0, "count": -1.0}' + bytes([10]))
out.write(struct.pack("<QIId", 0, 1, 1, 0.0) + bytes(3)); out.flush()
time.sleep(600)
"""


def test_no_camera_is_one_line_with_a_way_out() -> None:
    with pytest.raises(SourceError, match="no camera 63 can be opened; .* drc run sample"):
        open_source("webcam:63")


def grey(index: int) -> np.ndarray:
    return np.full((48, 64, 3), 20 * (index % 10), np.uint8)


def test_a_network_camera_that_is_killed_and_started_again_is_found_again(quick) -> None:
    said: list[str] = []
    with MJPEGServer(grey) as server:
        source = open_source(server.address, notice=said.append)
        assert source.live and source.paths == frozenset()
        frames = iter(source)
        for _ in range(5):
            assert next(frames).image.shape == (48, 64, 3)
        port = server.port
    wait_for(lambda: source.state != "live")
    before = source._index
    with MJPEGServer(grey, port=port):
        # what was in the slot when the server went is handed out first
        while next(frames).index < before:
            pass
        assert source.reconnects == 1 and source.state == "live" and "is back" in said[-1]
        source.close()


def test_a_stalled_network_camera_is_noticed_and_found_again(quick, monkeypatch) -> None:
    monkeypatch.setattr(camera, "STALL_SECONDS", 0.5)
    with MJPEGServer(grey) as server:
        source = open_source(server.address)
        frames = iter(source)
        next(frames)
        server.stalled.set()
        wait_for(lambda: source.state != "live")
        server.stalled.clear()
        before = source._index
        while next(frames).index < before:
            pass
        assert source.reconnects >= 1
        source.close()


def test_the_size_may_change_midway(quick) -> None:
    """OpenCV scales what comes later to the size that the stream was opened with."""

    def growing(index: int) -> np.ndarray:
        return np.full((48, 64, 3) if index < 40 else (96, 128, 3), 90, np.uint8)

    with MJPEGServer(growing) as server, open_source(server.address) as source:
        for frame in source:
            assert frame.image.shape[:2] in ((48, 64), (96, 128)) and abs(frame.image.mean() - 90) < 4
            if frame.index >= 60:
                break
        assert source.reconnects == 0


def test_damaged_frames_do_not_end_a_stream(quick) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    with MJPEGServer(lambda index: noise) as server:
        server.corrupt_every = 10
        with open_source(server.address) as source:
            frames = iter(source)
            while next(frames).index < 40:
                pass
            assert source.reconnects == 0


def test_an_address_where_nothing_answers_is_refused_without_its_password() -> None:
    with pytest.raises(SourceError, match="no video comes from rtsp://127.0.0.1:9/door") as caught:
        open_source("rtsp://user:secret@127.0.0.1:9/door")
    assert "secret" not in str(caught.value)


@contextmanager
def served(path: Path, *, seconds: float = 0.0, length: bool = True) -> Iterator[str]:
    """A file on a web server, all at once or in so many seconds; without a length like a camera."""
    data = path.read_bytes()

    class Sender(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the base class's name
            self.send_response(200)
            if length:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            try:
                for index in range(100):
                    self.wfile.write(data[len(data) * index // 100 : len(data) * (index + 1) // 100])
                    time.sleep(seconds / 100)
            except OSError:
                pass

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Sender)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{path.name}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_h264(path: Path, seconds: int, options: dict[str, str]) -> Path:
    """Grey frames that become brighter, with a single key frame at the beginning."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"bf": "0", "x264-params": "keyint=infinite:scenecut=0"}
        for index in range(10 * seconds):
            image = np.full((48, 64, 3), 10 + index % 200, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_a_stream_with_rare_key_frames_begins_with_the_one_that_probing_read(tmp_path: Path) -> None:
    path = write_h264(tmp_path / "a.ts", 15, {})
    with served(path, seconds=3.0, length=False) as address, open_source(address) as source:
        assert next(iter(source)).image.mean() < 200  # not after the end, where a new connection begins again
        assert source.reconnects == 0


@pytest.mark.parametrize(
    ("name", "options"), [("a.mp4", {"movflags": "faststart"}), ("a.mkv", {}), ("a.flv", {}), ("a.avi", {})]
)
def test_a_recording_behind_an_address_is_refused_because_frames_of_it_would_be_lost(
    tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    path = write_h264(tmp_path / name, 1, options)
    with served(path) as address, pytest.raises(SourceError, match="is a recording, not a live stream"):
        open_source(address)
