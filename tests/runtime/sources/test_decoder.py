"""The decoder's worker process: its output, its crashes, its rates."""

import os
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.errors import SourceError
from drc_runtime.sources import decoder as decoding
from drc_runtime.sources.decoder import Decoder, exact_rate
from tests.videos import write_video

PREAMBLE = """
import os, struct, sys, numpy as np
FRAME = struct.Struct("<QIId")
out = os.fdopen(os.dup(1), "wb")
def header():
    out.write(b'{"rate": 25.0, "count": 9.0}' + bytes([10])); out.flush()
def frame(height, width, value):
    out.write(FRAME.pack(value, height, width, 0.5))
    out.write(np.full((height, width, 3), value, np.uint8).data); out.flush()
def end():
    out.write(FRAME.pack(0, 0, 0, 0.0)); out.flush()
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a worker in place of the real one."""

    def replace(body: str) -> None:
        path = tmp_path / "worker.py"
        path.write_text(PREAMBLE + body)
        monkeypatch.setattr(decoding, "PROGRAM", path)

    return replace


def start() -> Decoder:
    return Decoder("file", "clip.mp4", name="clip.mp4", refusal="clip.mp4 is not a video")


def test_a_worker_that_aborts_is_an_error_that_names_the_frame_reached(program) -> None:
    program("header()\nfor i in range(3): frame(4, 6, i)\nos.abort()")
    decoder = start()
    frames = []
    with pytest.raises(SourceError, match=r"clip\.mp4 is damaged: the decoder crashed with SIGABRT after 3 frames"):
        for _, _, image in decoder.frames():
            frames.append(image)
    decoder.close()
    assert [image.max() for image in frames] == [0, 1, 2]


def test_a_worker_that_dies_within_a_frame_yields_no_part_of_it(program) -> None:
    program(
        "header(); frame(4, 6, 1); out.write(FRAME.pack(2, 4, 6, 0.0) + bytes(10)); out.flush()\n"
        "os.kill(os.getpid(), 11)"
    )
    decoder = start()
    frames = decoder.frames()
    next(frames)
    with pytest.raises(SourceError, match="SIGSEGV after 1 frames"):
        next(frames)
    decoder.close()


def test_a_worker_that_aborts_at_once_is_a_refusal(program) -> None:
    program("os.abort()")
    with pytest.raises(SourceError, match=r"clip\.mp4 is not a video \(the decoder crashed with SIGABRT\)"):
        start()


def test_frames_may_change_their_size(program) -> None:
    program("header(); frame(4, 6, 1); frame(8, 2, 2); end()")
    decoder = start()
    assert [(image.shape, image.max()) for _, _, image in decoder.frames()] == [((4, 6, 3), 1), ((8, 2, 3), 2)]
    decoder.close()


def test_closing_early_leaves_no_process(program) -> None:
    program("header()\nwhile True: frame(720, 1280, 0)")
    decoder = start()
    next(decoder.frames())
    decoder.close()
    with pytest.raises(ProcessLookupError):
        os.kill(decoder._process.pid, 0)


def test_a_slow_reader_holds_the_worker_back_and_loses_nothing(make_video) -> None:
    path = make_video("a.avi", frames=30, size=(480, 640))
    decoder = Decoder("file", str(path), name="a", refusal="")
    levels = []
    for _, _, image in decoder.frames():
        time.sleep(0.01)
        levels.append(round(float(image.mean()) / 8))
    decoder.close()
    assert levels == list(range(30))


def test_what_the_libraries_print_does_not_get_between_the_frames(program, make_video) -> None:
    source = decoding.PROGRAM.read_text()
    assert "    begun = False\n" in source
    program(source.replace("    begun = False\n", '    begun = False\n    os.write(1, b"hello\\n")\n'))
    decoder = Decoder("file", str(make_video("a.avi", frames=5)), name="a", refusal="no")
    assert len(list(decoder.frames())) == 5
    decoder.close()


def test_an_exception_inside_the_worker_is_a_refusal(program) -> None:
    program("raise RuntimeError")
    with pytest.raises(SourceError, match="not a video$"):
        start()


@pytest.mark.parametrize(
    "body",
    [
        "out.write(b'no json' + bytes([10])); out.flush()",
        "out.write(b'[1]' + bytes([10])); out.flush()",
        "out.write(b'{}' + bytes([10])); out.flush()",
        """out.write(b'{"rate": "fast", "count": 1}' + bytes([10])); out.flush()""",
        """out.write(b'{"rate": 25, "count": 1, "format": {"aspect": "1/0"}}' + bytes([10])); out.flush()""",
        """out.write(b'{"rate": 25, "count": 1, "format": {"colour": 1}}' + bytes([10])); out.flush()""",
        "while True: out.write(bytes(1 << 16))",
    ],
)
def test_a_header_that_is_nonsense_is_a_refusal(program, body: str) -> None:
    program(body)
    with pytest.raises(SourceError, match=r"^clip\.mp4 is not a video"):
        start()


@pytest.mark.parametrize(
    "record", ["2**63, 2**31, 2**31, 0.0", "0, 2**20, 2**20, 0.0", "0, 4, 0, 0.0", "0, 4, 4, float('nan')"]
)
def test_a_frame_that_cannot_be_is_nonsense(program, record: str) -> None:
    program(f"header(); frame(4, 6, 0)\nout.write(FRAME.pack({record})); out.flush()\nimport time; time.sleep(600)")
    decoder = start()
    frames = decoder.frames()
    next(frames)
    with pytest.raises(SourceError, match=r"the decoder sent nonsense after 1 frames"):
        next(frames)
    decoder.close()


def test_a_frame_without_memory_for_it_is_an_error(program, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    program("header(); frame(4, 6, 0)")
    decoder = start()
    monkeypatch.setattr(decoding.np, "empty", fail)
    with pytest.raises(SourceError, match="not enough memory for a frame of 6x4 pixels"):
        next(decoder.frames())
    decoder.close()


@pytest.mark.parametrize("body", ["import time; time.sleep(600)", "header(); import time; time.sleep(600)"])
def test_a_file_whose_decoder_hangs_is_given_up(program, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    monkeypatch.setitem(decoding.OPENING_SECONDS, "file", 1.0)
    program(body)
    with pytest.raises(SourceError, match=r"is not a video|sent nothing for 0.3 s"):
        decoder = Decoder("file", "clip.mp4", name="clip.mp4", refusal="clip.mp4 is not a video", patience=0.3)
        try:
            next(decoder.frames())
        finally:
            decoder.close()


@pytest.mark.parametrize("damage", range(4))
def test_damaged_videos_raise_nothing_but_source_errors(make_video, damage: int) -> None:
    path = make_video("a.avi")
    data = bytearray(path.read_bytes())
    generator = np.random.default_rng(damage)
    for position in generator.integers(0, len(data), 60):
        data[position] = generator.integers(256)
    path.write_bytes(data)
    try:
        decoder = Decoder("file", str(path), name="a", refusal="a is not a video")
    except SourceError:
        return
    try:
        for _, _, image in decoder.frames():
            assert image.dtype == np.uint8
    except SourceError:
        pass
    decoder.close()


def test_colours_arrive_as_rgb(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [np.full((48, 64, 3), (255, 0, 0), np.uint8)])
    decoder = Decoder("file", str(path), name="a", refusal="")
    (_, _, image), *_ = decoder.frames()
    decoder.close()
    np.testing.assert_allclose(image.mean(axis=(0, 1)), (255, 0, 0), atol=6)


@pytest.mark.parametrize(
    ("stated", "exact"),
    [
        (29.97, Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (59.94005994, Fraction(60000, 1001)),
        (119.88, Fraction(120000, 1001)),
        (30.0, Fraction(30)),
        (25.0, Fraction(25)),
        (12.5, Fraction(25, 2)),
        (29.833333333, Fraction(179, 6)),
        (0.5, Fraction(1, 2)),
        (0.0, Fraction(25)),
        (float("nan"), Fraction(25)),
        (90000.0, Fraction(25)),
    ],
)
def test_rounded_rates_become_the_fractions_that_they_stand_for(stated: float, exact: Fraction) -> None:
    assert exact_rate(stated) == exact
