"""The ASGI guard before the page's application: answers only requests that ``Access`` admits, and sets common headers."""

from collections.abc import Awaitable, Callable
from typing import Any

from drc_runtime.sinks.web.access import Access

WRONG_HOST = "This page is for this machine only; open it as http://127.0.0.1, or start drc run with --token.\n"
WRONG_TOKEN = "This page needs its token: open the address that drc run has printed, with ?token=... at its end.\n"  # noqa: S105
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Accel-Buffering": "no",  # nginx would buffer the live view
}
"""Set on every answer."""

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]


def guarded(app: ASGIApp, access: Access, cookie: str) -> ASGIApp:
    """Wraps an ASGI application.

    starlette's ``TrustedHostMiddleware`` does not replace it: it takes a list of names, but 127.0.0.0/8 is a network; starlette
    0.46 cannot parse IPv6 addresses; and its answer does not say what to do.

    Args:
        app: gets the admitted requests.
        access: decides by the Host header and the token.
        cookie: the name of the cookie that may hold the token. The address (``?token=``) and a Bearer header may hold it, too.
    """
    from starlette.datastructures import MutableHeaders
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse

    async def guard(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        request = Request(scope)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        offered = [request.cookies.get(cookie, ""), request.query_params.get("token", ""), bearer]
        if access.admits(request.headers.get("host", ""), offered):
            answer: ASGIApp = app
        elif access.token is None:
            answer = PlainTextResponse(WRONG_HOST, 403)
        else:
            answer = PlainTextResponse(WRONG_TOKEN, 401)
        await answer(scope, receive, send_with_headers)

    return guard
