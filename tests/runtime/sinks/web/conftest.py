"""A page over a scripted run: a white square, certainly foreground, moves over grey."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drc_runtime.frames import Frame, Source
from drc_runtime.inference.extraction import Extraction
from drc_runtime.sinks.statistics import RunStatistics
from drc_runtime.sinks.web.live_view import LiveView
from drc_runtime.sinks.web.server import PageServer
from drc_runtime.views.controls import Controls
from drc_runtime.views.views import Views


class Scripted(Source):
    count = None
    live = True

    def __init__(self) -> None:
        self.rate = Fraction(25)
        self.paths: frozenset[Path] = frozenset()
        self.failures: list[str] = []
        self.dropped, self.reconnects, self.state = 100, 2, "live"

    def close(self) -> None:
        pass


class Run:
    """What ``drc run`` would be to the page; ``feed`` hands on one frame."""

    def __init__(self, server: PageServer) -> None:
        self.server, self.controls, self.source = server, Controls(), Scripted()
        self.views = Views("overlay", self.controls)
        self.composed = 0
        self.statistics = RunStatistics(self.source)
        self.source.dropped += 4
        self.live: LiveView = server.start(self._shown, self.controls, self.statistics.figures)
        self.frames = 0

    def _shown(self, frame: Frame, extraction: Extraction) -> np.ndarray:
        self.composed += 1
        return self.views.shown(frame, extraction)

    def feed(self) -> None:
        image = np.full((120, 160, 3), 90, np.uint8)
        probability = np.zeros((120, 160), np.uint8)
        left = self.frames * 2 % 100
        image[30:90, left : left + 60], probability[30:90, left : left + 60] = 230, 230
        frame = Frame(image, self.frames, self.frames / 25, f"{self.frames:05d}", time.monotonic() - 0.03)
        extraction = Extraction(probability, 0.0, self.controls.settings.steps or 3)
        self.live.write(frame, extraction)
        self.statistics.write(frame, extraction)
        self.frames += 1

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> http.client.HTTPResponse:
        """One request; ``body`` goes as JSON unless it is bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        sent = body if isinstance(body, bytes | None) else json.dumps(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, path, sent, {**kind, **(headers or {})})
        return connection.getresponse()


@pytest.fixture
def start() -> Iterator[Callable[..., Run]]:
    """Starts pages, which are closed after the test."""
    servers = []

    def make(address: str = "0", token: str | None = None) -> Run:
        servers.append(PageServer(address, token))
        return Run(servers[-1])

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def fed() -> Iterator[Callable[[Run], None]]:
    """Feeds a run 50 frames a second from a thread until the test is over."""
    ended, threads = threading.Event(), []

    def begin(run: Run) -> None:
        def work() -> None:
            while not ended.wait(0.02):
                run.feed()

        threads.append(threading.Thread(target=work, daemon=True))
        threads[-1].start()

    yield begin
    ended.set()
    for thread in threads:
        thread.join()
