"""The page's requests: the page itself, the live view, figures and settings."""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drc_runtime.sinks.statistics import Figures
from drc_runtime.sinks.web.access import Access
from drc_runtime.sinks.web.live_view import LiveView
from drc_runtime.views.controls import Controls, Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

PAGE, ICON = Path(__file__).with_name("page.html"), Path(__file__).with_name("icon.svg")
MOST_VIEWERS = 16
LONGEST_BODY = 4096
IMAGE_SECONDS = 5.0
BOUNDARY = b"frame"
SETTINGS = frozenset(field.name for field in fields(Settings))


def build_app(live: LiveView, controls: Controls, figures: Callable[[], Figures], access: Access, port: int) -> Any:
    """The ASGI application of the page.

    Args:
        live: the images.
        controls: what the page changes.
        figures: what it shows.
        access: who is let in.
        port: names the cookie: a browser sends the cookies of all ports of a host to each of them.
    """
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
    from starlette.routing import Route

    page = PAGE.read_text(encoding="utf-8")
    policy, icon = content_policy(page), ICON.read_bytes()
    cookie = f"drc_token_{port}"

    def state() -> dict[str, Any]:
        settings = asdict(controls.settings) | {"view": controls.view}
        return {
            "figures": asdict(figures()) | {"viewers": live.viewers},
            "settings": settings,
            "views": controls.views,
        }

    async def show_page(request: "Request") -> "Response":
        if "token" in request.query_params:  # it goes into a cookie, so that it does not stay in the address bar
            response: Response = RedirectResponse("./", 303)
            response.set_cookie(
                cookie, access.token or "", httponly=True, samesite="lax", secure=request.url.scheme == "https"
            )
            return response
        return Response(page, media_type="text/html", headers={"Content-Security-Policy": policy})

    async def show_icon(request: "Request") -> "Response":
        return Response(icon, media_type="image/svg+xml")

    async def show_live(request: "Request") -> "Response":
        if live.viewers >= MOST_VIEWERS:
            return PlainTextResponse(f"{MOST_VIEWERS} are watching already\n", 503)
        return StreamingResponse(
            _multipart(live), media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
        )

    async def show_image(request: "Request") -> "Response":
        images = live.jpegs()
        try:
            jpeg = await asyncio.wait_for(anext(images), IMAGE_SECONDS)
        except (TimeoutError, StopAsyncIteration):
            return PlainTextResponse("there is no image yet\n", 503)
        finally:
            await images.aclose()  # type: ignore[attr-defined]
        return Response(jpeg, media_type="image/jpeg")

    async def show_state(request: "Request") -> "Response":
        return JSONResponse(state())

    async def change_settings(request: "Request") -> "Response":
        # A form on a stranger's page cannot send this type, and its scripts would have to ask first.
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return JSONResponse({"error": "send application/json"}, 415)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_BODY:
                return JSONResponse({"error": f"more than {LONGEST_BODY} bytes"}, 413)
        try:
            values = json.loads(bytes(body))
            if not isinstance(values, dict) or not values.keys() <= SETTINGS:
                raise ValueError(f"send an object with some of: {', '.join(sorted(SETTINGS))}")
            controls.change(**values)
        except (ValueError, RecursionError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(state())

    routes = [
        Route("/", show_page),
        Route("/icon.svg", show_icon),
        Route("/live.mjpg", show_live),
        Route("/frame.jpg", show_image),
        Route("/api/state", show_state),
        Route("/api/settings", change_settings, methods=["POST"]),
    ]
    app: Starlette = Starlette(routes=routes)
    return _guarded(app, access, cookie)


def _guarded(app: "Starlette", access: Access, cookie: str) -> Callable[..., Awaitable[None]]:
    """Lets in whom ``access`` admits, and adds the headers that all answers have."""
    from starlette.datastructures import MutableHeaders
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse

    async def guard(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(ALWAYS)
            await send(message)

        request = Request(scope)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        offered = [request.cookies.get(cookie, ""), request.query_params.get("token", ""), bearer]
        if access.admits(request.headers.get("host", ""), offered):
            await app(scope, receive, with_headers)
        elif access.token is None:
            await PlainTextResponse(WRONG_HOST, 403)(scope, receive, with_headers)
        else:
            await PlainTextResponse(WRONG_TOKEN, 401)(scope, receive, with_headers)

    return guard


WRONG_HOST = "This page is for this machine only; open it as http://127.0.0.1, or start drc run with --token.\n"
WRONG_TOKEN = "This page needs its token: open the address that drc run has printed, with ?token=... at its end.\n"  # noqa: S105
ALWAYS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Accel-Buffering": "no",  # nginx would gather the live view instead of passing it on
}


async def _multipart(live: LiveView) -> AsyncIterator[bytes]:
    """Motion JPEG. The boundary follows each image at once: a browser shows an image when it sees the boundary."""
    yield b"--%s\r\n" % BOUNDARY
    async for jpeg in live.jpegs():
        head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
        yield head + jpeg + b"\r\n--%s\r\n" % BOUNDARY


def content_policy(page: str) -> str:
    """A Content-Security-Policy that allows this page's own script and style, its own server, and nothing else."""

    def hashes(tag: str) -> str:
        bodies = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(it.encode()).digest()).decode()}'" for it in bodies)

    return (
        f"default-src 'none'; img-src 'self'; connect-src 'self'; script-src {hashes('script')};"
        f" style-src {hashes('style')}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
