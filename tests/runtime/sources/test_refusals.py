"""Each refusal names the true reason and a way out that leads out."""

import os
import struct
import threading
from pathlib import Path

import pytest

from drc_runtime.errors import SourceError, UsageError
from drc_runtime.sources.open import open_source
from drc_runtime.sources.refusals import why_no_video


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(str(path))
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


def test_an_mp4_without_its_index_is_cut_short_and_not_to_be_converted(make_video) -> None:
    path = make_video("a.mp4")
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"moov") - 4])
    assert "its index (moov)" in refusal(path) and "ffmpeg" not in refusal(path)


FTYP = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
MOOV = struct.pack(">I4s", 36, b"moov") + b"hdlr" + bytes(8)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.m4a", FTYP.replace(b"isom", b"M4A ")),
        ("a.mp4", FTYP + MOOV + b"soun" + bytes(12)),
        ("a.mp3", b"ID3\4" + bytes(100)),
        ("a.wav", b"RIFF\x24\0\0\0WAVEfmt " + bytes(100)),
        ("a.flac", b"fLaC" + bytes(100)),
        ("a.webm", b"\x1aE\xdf\xa3" + bytes(40) + b"A_OPUS" + bytes(40)),
    ],
)
def test_sound_alone_is_said_to_be_sound(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert refusal(tmp_path / name) == f"{tmp_path / name} holds sound and no image; name a video"


def test_a_pipe_a_device_and_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.mp4")
    assert "is a pipe" in refusal(tmp_path / "p.mp4") and "to a file" in refusal(tmp_path / "p.mp4")
    assert "/dev/zero is a device" in refusal(Path("/dev/zero"))
    assert "is not there" in refusal(tmp_path / "gone.mp4")
    read, write = os.pipe()  # as in drc run <(command)
    threading.Thread(target=os.close, args=(write,)).start()
    assert "is a pipe" in refusal(Path(f"/dev/fd/{read}"))
    os.close(read)


def test_what_is_of_no_kind_is_not_to_be_converted(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no video at all")
    assert "is not a video that can be read, nor an image" in refusal(path) and "ffmpeg" not in refusal(path)


def test_a_container_whose_frames_cannot_be_decoded_is_to_be_converted(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    path.write_bytes(
        struct.pack(">I4s4sI", 16, b"ftyp", b"qt  ", 0) + struct.pack(">I4s", 20, b"moov") + b"hdlrvidexxxx"
    )
    assert "ffmpeg -i IN OUT.mp4" in refusal(path)
    assert "cut short" in why_no_video(path, True)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (["manifest.json", "a.onnx"], "it is a bundle; name it with --model"),
        (["a.mp4", "b.MOV"], "it holds 2 videos, of which one is named at a time, such as .*a.mp4"),
        (["images/a.png"], "name the folder .*images"),
        (["notes.txt"], "the formats that are read: JPEG, PNG"),
    ],
)
def test_a_folder_without_images_says_what_it_is(tmp_path: Path, files: list[str], reason: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(SourceError, match=f"no images in .*; {reason}"):
        open_source(str(tmp_path))


def test_the_folder_of_a_drawn_clip_is_its_clip(tmp_path: Path, make_video) -> None:
    make_video("clip.mp4", frames=3)
    (tmp_path / "masks").mkdir()
    with open_source(str(tmp_path)) as source:
        assert not source.is_still and len(list(source)) == 3


def test_an_address_with_one_slash() -> None:
    with pytest.raises(UsageError, match=r"^rtsp:/cam/live has one slash.*rtsp://HOST/PATH") as caught:
        open_source("rtsp:/me:secret@cam/live")
    assert "secret" not in str(caught.value)
