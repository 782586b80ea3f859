"""The worker process that decodes a video or a camera: ``python decoder.py KIND TARGET``, frames on stdout.

OpenCV's decoders can corrupt the heap on a damaged file and abort; here they take down a process that holds nothing.
The file is run by its path and imports cv2 and numpy only, so that it starts in a fraction of a second.

What it writes: one line of JSON ``{"rate": float, "count": float}``, then for each frame ``FRAME`` and the RGB pixels,
then ``FRAME`` with height 0. An output that stops earlier means that the process died.
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
# OpenCV reports a frame that it cannot decode just as it does the end of a file; asked again, it goes on behind it.
MISSES_AT_THE_END = {"file": 250, "stream": 1, "camera": 1}


def open_capture(kind: str, target: str) -> cv2.VideoCapture:
    """Opens ``camera`` N, ``file`` PATH or ``stream`` URL; the caller finds out by reading whether that worked."""
    if kind == "camera":
        capture = cv2.VideoCapture(int(target))
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture
    if kind == "file":
        # Left to choose for itself, OpenCV reads "frame01.mp4" as the first of numbered images.
        return cv2.VideoCapture(target, cv2.CAP_FFMPEG)
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", NETWORK_OPTIONS)
    timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC]
    return cv2.VideoCapture(target, cv2.CAP_FFMPEG, [x for t in timeouts for x in (t, NETWORK_TIMEOUT_MILLISECONDS)])


def main(kind: str, target: str) -> int:
    """Streams the frames; returns 1 without having written anything if there are none."""
    # Whatever a library prints must not end up between the frames.
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
    """Yields position and ``(H, W, 3)`` uint8 BGR, which the next frame overwrites."""
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
    """A worker that waits for a silent camera does not find out by writing that nobody listens any more."""
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
    # Without interpreter shutdown: releasing a stalled camera can block for as long as it stalls.
    os._exit(code)
