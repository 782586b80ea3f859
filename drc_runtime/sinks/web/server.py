"""The page's HTTP server, in a thread of its own."""

import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from drc_runtime.errors import OutputError
from drc_runtime.frames import View
from drc_runtime.packages import require
from drc_runtime.sinks.statistics import Figures
from drc_runtime.sinks.web.access import Access, Address
from drc_runtime.sinks.web.live_view import LiveView
from drc_runtime.views.controls import Controls

if TYPE_CHECKING:
    import uvicorn

START_SECONDS = 10.0
END_SECONDS = 3.0


class PageServer:
    """Binds its port when created, so that a port in use is an early error; answers after ``start``.

    Args:
        address: ``[HOST:]PORT``; without a host only this machine can reach the page.
        token: the access token; None: a random one, or none if only this machine can reach the page.

    Attributes:
        port: the port, also if ``address`` has port 0.
        url: the page's address for a browser, with the token only if it is random.

    Raises:
        UsageError: an invalid address or token.
        MissingDependencyError: starlette or uvicorn is not installed.
        OutputError: the port is in use.
    """

    def __init__(self, address: str, token: str | None = None) -> None:
        place = Address.parse(address)
        self._access = Access.of(place, token)
        for module in ("starlette", "uvicorn"):
            require(module, extra="web", purpose="--serve")
        self._socket = place.listen()
        self.port: int = self._socket.getsockname()[1]
        unspecified = place.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        host = socket.gethostname() if unspecified else place.host
        made = f"?token={self._access.token}" if self._access.token and token is None else ""
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}/{made}"
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._live: LiveView | None = None

    def start(self, view: View, controls: Controls, figures: Callable[[], Figures]) -> LiveView:
        """Starts the server; returns the sink whose frames the page shows.

        Raises:
            OutputError: the server does not start.
        """
        import uvicorn

        from drc_runtime.sinks.web.app import build_app
        from drc_runtime.sinks.web.connection import MOST_CONNECTIONS, connection_class

        live = self._live = LiveView(view, controls)
        config = uvicorn.Config(
            build_app(live, controls, figures, self._access, self.port),
            access_log=False,  # it would contain tokens
            log_config=None,
            log_level="error",  # without warnings about the requests of port scanners
            loop="asyncio",
            http=connection_class(),
            ws="none",
            lifespan="off",
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="drc-page-server", daemon=True
        )
        self._thread.start()
        until = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise OutputError(f"the page at {self.url} does not start; try another port")
            time.sleep(0.01)
        return live

    def close(self) -> None:
        """Stops the server."""
        if self._live is not None:
            self._live.close()
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(END_SECONDS)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
