"""Why a path is no video that can be read: the reason that is true, and a way out that leads out."""

import re
import stat
from pathlib import Path

SOUND = re.compile(rb"....ftypM4[AB] |ID3|\xff[\xfb\xf3\xf2\xf1\xf9]|RIFF....WAVE|fLaC|FORM....AIF|#!AMR", re.DOTALL)
VIDEO = re.compile(
    rb"....(ftyp|moov|mdat|wide|free)|RIFF....AVI |\x1aE\xdf\xa3|\0\0\x01[\xba\xb3]|FLV|0&\xb2u|OggS|\x47.{187}\x47|GIF8",
    re.DOTALL,
)
MP4 = re.compile(rb"....(ftyp|moov|mdat|wide|free)", re.DOTALL)
BLOCK = 1 << 20
CONVERT = "convert it, for example with ffmpeg -i IN OUT.mp4"


def why_no_file(path: Path) -> str | None:
    """What is wrong with a path that exists and is no plain file and no folder; None if it does not exist.

    Raises:
        OSError: the path cannot be looked at.
    """
    if not path.exists():
        return None
    mode = path.stat().st_mode
    if stat.S_ISFIFO(mode):
        return f"{path} is a pipe, and a video is read more than once: save it to a file first"
    kind = "a device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else "no plain file"
    return f"{path} is {kind}, not an image or a video; cameras are webcam, webcam:1 or /dev/video0"


def why_no_video(path: Path, cut_short: bool) -> str:
    """What to say of a file from which no frame can be decoded."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
        if SOUND.match(head) or _holds_sound_only(path, head):
            return f"{path} holds sound and no image; name a video"
        if MP4.match(head) and not _has(path, b"moov"):
            return f"{path} is cut short: its index (moov), which comes last, is missing; copy or download it again"
    except OSError as error:
        return f"cannot read {path}: {error.strerror}"
    if cut_short:
        return f"{path} is cut short, and what is there is not a video that can be read; copy or download it again"
    if VIDEO.match(head):
        return f"{path} is not a video that can be read; {CONVERT}"
    return f"{path} is not a video that can be read, nor an image; SOURCE is an image, a folder, a video or a camera"


def _holds_sound_only(path: Path, head: bytes) -> bool:
    """Whether an MP4 or MOV has handlers of sound and none of video, or a WebM or Matroska a sound codec alone."""
    if MP4.match(head):
        return _has(path, b"soun") and not _has(path, b"vide")
    return head.startswith(b"\x1aE\xdf\xa3") and _has(path, b"A_") and not _has(path, b"V_")


def _has(path: Path, mark: bytes) -> bool:
    rest = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if mark in rest + block:
                return True
            rest = block[-len(mark) :]
    return False
