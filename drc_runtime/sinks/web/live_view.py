"""The live image on the page: encoded once for all viewers, and only while there is a viewer."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drc_runtime.frames import Frame, Sink, View
from drc_runtime.preprocess import resize
from drc_runtime.views.controls import Controls

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction

MOST_FRAMES = 15
"""Images a second on the page: enough to judge a mask, and it leaves the cores to the network."""
LARGEST_SHARE = 0.25
"""The page may use this share of one core; if composing and encoding take long, it shows fewer images."""
LARGEST_SIDE = 1280
JPEG_QUALITY = 80
LOOK_SECONDS = 0.1
MOST_VIEWERS = 16


class LiveView(Sink):
    """Keeps the latest frame; a thread composes and encodes it. A slow viewer misses images; nothing waits for it.

    Args:
        view: makes the image from a frame and its extraction.
        controls: a change of view or threshold updates the image even without a new frame.
    """

    def __init__(self, view: View, controls: Controls) -> None:
        self._view, self._controls = view, controls
        self._changed = threading.Condition()
        self._latest: tuple[Frame, Extraction] | None = None
        self._fresh = False
        self._jpeg: bytes | None = None
        self._viewers: set[Viewer] = set()
        self._closed = False
        self._thread = threading.Thread(target=self._encode, name="drc-page", daemon=True)
        self._thread.start()

    @property
    def viewers(self) -> int:
        """Number of viewers."""
        return len(self._viewers)

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        with self._changed:
            self._latest, self._fresh = (frame, extraction), True
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
            self._wake_viewers()
        self._thread.join()

    def discard(self) -> None:
        self.close()

    def enter(self) -> "Viewer | None":
        """A new viewer, for a coroutine of the server's event loop, which must ``leave``; None if ``MOST_VIEWERS`` watch."""
        with self._changed:
            if len(self._viewers) >= MOST_VIEWERS:
                return None
            viewer = Viewer(self, asyncio.get_running_loop())
            if not self._viewers:
                self._jpeg, self._fresh = None, True  # the old image dates from the last viewer
            elif self._jpeg is not None:
                viewer.ready.set()
            self._viewers.add(viewer)
            self._changed.notify()
            return viewer

    def leave(self, viewer: "Viewer") -> None:
        """Gives the viewer's place up."""
        with self._changed:
            self._viewers.discard(viewer)

    @property
    def closed(self) -> bool:
        """Whether no more images come."""
        return self._closed

    @property
    def jpeg(self) -> bytes | None:
        """The latest image; None before the first for the present viewers."""
        return self._jpeg

    def _encode(self) -> None:
        shown: tuple[str, float] | None = None
        while True:
            with self._changed:
                while not self._closed and not (self._latest and self._viewers and self._is_due(shown)):
                    self._changed.wait(LOOK_SECONDS)
                if self._closed:
                    return
                latest, self._fresh = self._latest, False
                begun = time.monotonic()
            assert latest is not None
            shown = self._settings()
            jpeg = encode_jpeg(self._view(*latest))
            with self._changed:
                self._jpeg = jpeg
                self._wake_viewers()
            taken = time.monotonic() - begun
            time.sleep(max(1 / MOST_FRAMES, taken / LARGEST_SHARE) - taken)

    def _is_due(self, shown: tuple[str, float] | None) -> bool:
        return self._fresh or shown != self._settings()

    def _settings(self) -> tuple[str, float]:
        return self._controls.view, self._controls.settings.threshold

    def _wake_viewers(self) -> None:
        for viewer in self._viewers:
            viewer.wake()


class Viewer:
    """One viewer of a ``LiveView``: its place counts from ``LiveView.enter`` on, not only when the first image is asked for."""

    def __init__(self, live: LiveView, loop: asyncio.AbstractEventLoop) -> None:
        self.ready = asyncio.Event()
        self._live, self._loop = live, loop

    def wake(self) -> None:
        """Says that there is a new image; may be called from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.ready.set)

    def leave(self) -> None:
        """Gives the place up."""
        self._live.leave(self)

    async def jpegs(self) -> AsyncIterator[bytes]:
        """Yields the images from now on as JPEG, until the page closes."""
        while not self._live.closed:
            await self.ready.wait()
            self.ready.clear()
            if self._live.jpeg is not None and not self._live.closed:
                yield self._live.jpeg


def encode_jpeg(image: np.ndarray) -> bytes:
    """``(H, W, 3)`` uint8 RGB as JPEG, scaled down if a side is longer than ``LARGEST_SIDE``."""
    height, width = image.shape[:2]
    scale = min(1.0, LARGEST_SIDE / max(height, width))
    if scale < 1:
        image = resize(image, (max(1, round(height * scale)), max(1, round(width * scale))))
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done
    return data.tobytes()
