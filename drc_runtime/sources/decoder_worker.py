"""The worker process that decodes a video or a camera: ``python decoder_worker.py KIND TARGET``, frames on stdout.

OpenCV's decoders can corrupt the heap on a damaged file and abort; then only this process dies. This file is run by its path
and imports only cv2 and numpy, so that it starts in a fraction of a second.

Output: one line of JSON ``{"rate": float, "count": float}``; for each frame ``FRAME`` and the RGB pixels; at the end ``FRAME``
with height 0. Output without that end means that the process died.
"""

import json
import os
import struct
import sys
import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np

FRAME = struct.Struct("<QIId")  # position in the source, height, width, presentation time in seconds
NETWORK_TIMEOUT_MILLISECONDS = 10_000
NETWORK_OPTIONS = "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay"
# OpenCV reports a frame that it cannot decode like the end of the file; the next read continues after that frame.
MISSES_AT_THE_END = {"file": 250, "stream": 1, "camera": 1}


def open_capture(kind: str, target: str) -> cv2.VideoCapture:
    """Opens ``camera`` N, ``file`` PATH or ``stream`` URL. A failure shows in the first read."""
    if kind == "camera":
        capture = cv2.VideoCapture(int(target))
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture
    if kind == "file":
        # Without the backend's name OpenCV reads "frame01.mp4" as the first of numbered images.
        return cv2.VideoCapture(target, cv2.CAP_FFMPEG)
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", NETWORK_OPTIONS)
    timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC]
    return cv2.VideoCapture(target, cv2.CAP_FFMPEG, [x for t in timeouts for x in (t, NETWORK_TIMEOUT_MILLISECONDS)])


def main(kind: str, target: str) -> int:
    """Writes the frames to stdout; returns 1 and writes nothing if there are none."""
    # What libraries print must not get between the frames.
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    capture = open_capture(kind, target)
    header = None
    converted = np.empty((0, 0, 3), np.uint8)
    for position, image in frames(capture, MISSES_AT_THE_END[kind]):
        if header is None:
            header = {"rate": capture.get(cv2.CAP_PROP_FPS), "count": capture.get(cv2.CAP_PROP_FRAME_COUNT)}
            pipe.write(json.dumps(header).encode() + b"\n")
        if converted.shape != image.shape:
            converted = np.empty_like(image)
        cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=converted)
        height, width = converted.shape[:2]
        pipe.write(FRAME.pack(position, height, width, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000))
        pipe.write(converted.data)
        pipe.flush()
    if header is None:
        return 1
    pipe.write(FRAME.pack(0, 0, 0, 0.0))
    pipe.flush()
    return 0


def frames(capture: cv2.VideoCapture, misses_at_the_end: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yields position and ``(H, W, 3)`` uint8 BGR. The next frame overwrites the image."""
    position = misses = 0
    image: np.ndarray | None = None
    while capture.isOpened() and misses < misses_at_the_end:
        there, read = capture.read(image)
        if there:
            image = np.asarray(read, np.uint8)
            yield position, image
        misses = 0 if there else misses + 1
        position += 1


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
    # Skips the interpreter's shutdown: releasing a stalled camera can block while it stalls.
    os._exit(code)
