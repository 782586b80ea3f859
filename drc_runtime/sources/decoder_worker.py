"""The worker process that decodes a video or a camera: ``python decoder_worker.py KIND TARGET``, frames on stdout.

Decoders can corrupt the heap on a damaged file and abort; then only this process dies. This file is run by its path.

Output: one line of JSON with ``rate``, ``count``, ``recording`` and ``format``, the fields of ``VideoFormat``; for each frame
``FRAME`` and the RGB pixels; at the end ``FRAME`` with height 0, the number of frames that were passed, and the seconds of the
announced duration that did not come. Output without that end means that the process died.
"""

import json
import os
import struct
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

FRAME = struct.Struct("<QIId")  # position in the source, height, width, presentation time in seconds


def main(kind: str, target: str) -> int:
    """Writes the frames of ``camera`` N, ``file`` PATH or ``stream`` URL; returns 1 and writes nothing if there are none."""
    # What libraries print must not get between the frames.
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return _camera(pipe, int(target)) if kind == "camera" else _media(pipe, target, live=kind == "stream")


def _media(pipe: BinaryIO, target: str, *, live: bool) -> int:
    from drc_runtime.sources.media import Media

    media = Media(target, live=live)
    begun = False
    for position, seconds, frame in media.frames():
        if not begun:
            _begin(
                pipe,
                {
                    "rate": media.rate,
                    "count": media.count,
                    "recording": media.recording,
                    "format": media.layout(frame),
                },
            )
            begun = True
        _write(pipe, position, seconds, media.rgb(frame))
    if begun:
        _end(pipe, media.passed, media.missing_seconds())
    return 0 if begun else 1


def _camera(pipe: BinaryIO, number: int) -> int:
    import cv2

    capture = cv2.VideoCapture(number)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    passed = 0
    for position, image in enumerate(_captured(capture)):
        if position == 0:
            _begin(pipe, {"rate": capture.get(cv2.CAP_PROP_FPS), "count": 0.0})
        _write(pipe, position, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        passed = position + 1
    if passed:
        _end(pipe, passed, 0.0)
    return 0 if passed else 1


def _captured(capture: Any) -> Iterator[Any]:
    while capture.isOpened():
        there, image = capture.read()
        if not there:
            return
        yield image


def _begin(pipe: BinaryIO, header: dict[str, Any]) -> None:
    pipe.write(json.dumps(header).encode() + b"\n")


def _write(pipe: BinaryIO, position: int, seconds: float, image: np.ndarray) -> None:
    pipe.write(FRAME.pack(position, *image.shape[:2], seconds))
    pipe.write(image.data)
    pipe.flush()


def _end(pipe: BinaryIO, passed: int, missing: float) -> None:
    pipe.write(FRAME.pack(passed, 0, 0, missing))
    pipe.flush()


def end_with_parent() -> None:
    """Exits when the parent process has died: a worker that waits for a silent camera would not notice."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        code = main(*sys.argv[1:])
    except BrokenPipeError:
        code = 0
    except Exception:  # noqa: BLE001 - the parent says that it is not a video
        code = 1
    # Skips the interpreter's shutdown: releasing a stalled camera can block while it stalls.
    os._exit(code)
