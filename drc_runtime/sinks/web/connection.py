"""Connections of the page's server: one that sends no whole request gives its place up."""

from typing import Any

REQUEST_SECONDS = 10.0
"""For a whole request, from the connection or from the end of the answer before."""
MOST_CONNECTIONS = 64


def connection_class() -> type[Any]:
    """The protocol class for uvicorn, whose own has no time-out for headers and bodies.

    A silent connection is closed after ``REQUEST_SECONDS``, and earlier when ``MOST_CONNECTIONS`` are open and another one comes:
    whoever holds connections cannot keep others out.
    """
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Connection(H11Protocol):
        """A connection with a time limit for each request."""

        _limit: Any = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait_for_request()
            if len(self.connections) >= MOST_CONNECTIONS:
                waiting = [it for it in self.connections if isinstance(it, Connection) and it._limit is not None]
                oldest = min(waiting, key=lambda it: it._limit.when())
                if oldest is not self:
                    oldest._give_up()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def handle_events(self) -> None:
            super().handle_events()
            if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
                self._stop_waiting()

        def on_response_complete(self) -> None:
            self._wait_for_request()
            super().on_response_complete()

        def _wait_for_request(self) -> None:
            self._stop_waiting()
            self._limit = self.loop.call_later(REQUEST_SECONDS, self._give_up)

        def _stop_waiting(self) -> None:
            if self._limit is not None:
                self._limit.cancel()
                self._limit = None

        def _give_up(self) -> None:
            self._stop_waiting()
            self.connections.discard(self)
            self.transport.abort()

    return Connection
