"""A network camera for tests and benchmarks: Motion JPEG over HTTP on loopback, with faults that the caller switches on."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

Draw = Callable[[int], np.ndarray]  # frame number to (H, W, 3) uint8 BGR


class MJPEGServer:
    """Serves ``draw(0)``, ``draw(1)``, ... at ``rate`` frames a second to each client; ends with the ``with`` block.

    Attributes:
        stalled: while set, connections stay open and nothing is sent.
        corrupt_every: n damages every n-th frame in its middle; 0 damages none.
    """

    def __init__(self, draw: Draw, rate: float = 50, port: int = 0) -> None:
        self.stalled = threading.Event()
        self.corrupt_every = 0
        self._ended = threading.Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802 - the base class's name
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                try:
                    camera._send(self.wfile.write, draw, rate)
                except OSError:
                    pass  # the client has gone

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        self.address = f"http://127.0.0.1:{self.port}/stream.mjpg"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> "MJPEGServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, write: Callable[[bytes], object], draw: Draw, rate: float) -> None:
        begun = time.monotonic()
        index = 0
        while not self._ended.is_set():
            if self.stalled.is_set():
                time.sleep(0.02)
                continue
            jpeg = bytearray(cv2.imencode(".jpg", draw(index))[1].tobytes())
            if self.corrupt_every and index % self.corrupt_every == self.corrupt_every - 1:
                middle = len(jpeg) // 2
                jpeg[middle : middle + 40] = bytes(range(40))
            write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
            write(bytes(jpeg) + b"\r\n")
            index += 1
            time.sleep(max(0.0, begun + index / rate - time.monotonic()))
            begun = max(begun, time.monotonic() - index / rate - 0.2)  # after a stall, no rush to catch up
