"""Files that end early are named, whatever their container, and whole ones are not."""

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest

from drc_runtime.errors import SourceError
from drc_runtime.sources.cut_short import is_cut_short
from drc_runtime.sources.open import open_source
from drc_train.data.video import read_frames

KINDS = {
    "mkv": "libx264",
    "webm": "libvpx-vp9",
    "mp4": "libx264",
    "mov": "libx264",
    "avi": "mjpeg",
    "ts": "libx264",
    "m2ts": "libx264",
    "flv": "libx264",
    "ogv": "libtheora",
    "wmv": "wmv2",
}
FASTSTART = {"mp4": {"movflags": "faststart"}, "mov": {"movflags": "faststart"}}


def write_clip(path: Path, *, seconds: int = 3) -> Path:
    """Noise, so that the data is spread over the file."""
    kind = path.suffix[1:]
    if KINDS[kind] not in av.codecs_available:
        pytest.skip(f"no {KINDS[kind]} here")
    random = np.random.default_rng(0)
    with av.open(str(path), "w", options=FASTSTART.get(kind, {})) as container:
        stream = container.add_stream(KINDS[kind], rate=10)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if kind == "avi" else "yuv420p"
        stream.gop_size = 5
        for index in range(10 * seconds):
            image = random.integers(0, 256, (48, 64, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def failures_of(path: Path) -> tuple[int, list[str]]:
    with open_source(str(path)) as source:
        return sum(1 for _ in source), source.failures


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_is_whole_and_half_of_it_is_named(tmp_path: Path, kind: str) -> None:
    path = write_clip(tmp_path / f"a.{kind}")
    assert failures_of(path) == (30, [])
    data = path.read_bytes()
    for share in (0.5, 0.8):
        path.write_bytes(data[: int(len(data) * share) // 192 * 192 + 7])
        count, failures = failures_of(path)
        assert 0 < count < 30, share
        assert any("is cut short: it ends after" in line for line in failures), (share, failures)


@pytest.mark.parametrize("kind", ["mkv", "flv"])
def test_a_duration_that_does_not_come_is_noticed_at_any_boundary(tmp_path: Path, kind: str) -> None:
    """The file is cut exactly between two elements, so that only what it announces tells."""
    path = write_clip(tmp_path / f"a.{kind}")
    data = path.read_bytes()
    if kind == "mkv":
        at = data.rindex(b"\x1f\x43\xb6\x75")
        size = data.index(b"\x18\x53\x80\x67") + 4  # of the segment: unknown, as a live recorder writes it
        data = data[:size] + b"\x01" + b"\xff" * 7 + data[size + 8 :]
        at = data.index(b"\xa3", at + 40)
    else:
        at, tags = 13, 0
        while tags < 20:
            at, tags = at + 15 + int.from_bytes(data[at + 1 : at + 4]), tags + 1
    path.write_bytes(data[:at])
    count, failures = failures_of(path)
    assert 0 < count < 30 and failures and "is cut short" in failures[0], (count, failures)


@pytest.mark.parametrize("kind", ["mkv", "webm", "ogv", "flv"])
def test_half_a_video_is_not_learned_from_in_silence(tmp_path: Path, kind: str) -> None:
    path = write_clip(tmp_path / f"a.{kind}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 3])
    with pytest.raises(SourceError, match="is cut short"):
        list(read_frames(path))


@pytest.mark.parametrize(
    ("data", "short"),
    [
        (b"\x1aE\xdf\xa3\x81\0" + b"\x18\x53\x80\x67\x84" + bytes(4), False),
        (b"\x1aE\xdf\xa3\x81\0" + b"\x18\x53\x80\x67\x85" + bytes(4), True),
        (b"\x1aE\xdf\xa3\x81\0" + b"\x18\x53\x80\x67\xff" + b"\x1f\x43\xb6\x75\xff" + b"\xa3\x82\0\0", False),
        (b"\x1aE\xdf\xa3\x81\0" + b"\x18\x53\x80\x67\xff" + b"\x1f\x43\xb6\x75\xff" + b"\xa3\x83\0\0", True),
        (b"\x1aE\xdf\xa3\x81\0" + b"\x18\x53\x80\x67\xff" + b"\x1f\x43\xb6\x75\x86" + b"\xa3\x82\0\0", True),
        (b"\x1aE\xdf\xa3" + bytes(100), False),
        ((b"\x47" + bytes(187)) * 5, False),
        ((b"\x47" + bytes(187)) * 5 + b"\x47" + bytes(100), True),
        ((b"\x47" + bytes(187)) * 5 + b"a recorder's trailer", False),
        ((bytes(4) + b"\x47" + bytes(187)) * 5, False),
        ((bytes(4) + b"\x47" + bytes(187)) * 5 + bytes(3), True),
        (b"", False),
        (b"\x47" * 100, False),
    ],
)
def test_the_structure_of_a_file_tells(data: bytes, short: bool) -> None:
    assert is_cut_short(BytesIO(data)) is short


@pytest.mark.parametrize("seed", range(3))
def test_any_bytes_are_looked_at_in_time(seed: int) -> None:
    random = np.random.default_rng(seed)
    for head in (b"\x1aE\xdf\xa3", b"OggS", b"FLV\1", b"RIFF", b"\0\0\0\x18ftyp", b"\x47"):
        for length in (0, 1, 5, 30, 5000):
            is_cut_short(BytesIO(head + random.bytes(length)))


@pytest.fixture
def joined(tmp_path: Path) -> Callable[..., Path]:
    """Recordings one behind the other, each with its own clock."""

    def join(kind: str, count: int = 3) -> Path:
        piece = write_clip(tmp_path / f"piece.{kind}", seconds=1).read_bytes()
        (tmp_path / f"joined.{kind}").write_bytes(piece * count)
        return tmp_path / f"joined.{kind}"

    return join


@pytest.mark.parametrize("kind", ["ts", "m2ts"])
def test_times_that_begin_again_continue(joined: Callable[..., Path], kind: str) -> None:
    with open_source(str(joined(kind))) as source:
        times = [frame.seconds for frame in source]
        assert source.failures == []
    assert times == pytest.approx([index / 10 for index in range(30)], abs=2e-3)


def test_the_worker_needs_nothing_from_the_current_folder(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", seconds=1)
    for name in ("av", "numpy", "json", "drc_runtime", "struct"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('stranger')")
    root = Path(__file__).parents[3]
    program = f"import sys; sys.path.append({str(root)!r})\nfrom drc_runtime.sources.open import open_source\n"
    program += "print(sum(1 for _ in open_source('a.mp4')))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "10\n", done.stderr
