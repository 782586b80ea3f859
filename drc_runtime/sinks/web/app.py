"""The page's ASGI application: the page itself, the live view, the figures and the settings."""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drc_runtime.sinks.statistics import Figures
from drc_runtime.sinks.web.access import Access
from drc_runtime.sinks.web.guard import ASGIApp, guarded
from drc_runtime.sinks.web.live_view import MOST_VIEWERS, LiveView, Viewer
from drc_runtime.views.controls import Controls, Settings

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

PAGE, ICON = Path(__file__).with_name("page.html"), Path(__file__).with_name("icon.svg")
LONGEST_BODY = 4096
IMAGE_SECONDS = 5.0
BOUNDARY = b"frame"
SETTINGS = frozenset(field.name for field in fields(Settings))


def build_app(live: LiveView, controls: Controls, figures: Callable[[], Figures], access: Access, port: int) -> ASGIApp:
    """The ASGI application of the page.

    Args:
        live: the images.
        controls: the settings that the page changes.
        figures: the numbers that the page shows.
        access: who may see the page.
        port: part of the cookie's name, because a browser sends the cookies of a host to all of its ports.
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

    class LiveResponse(StreamingResponse):
        """The live image; its viewer leaves however the connection ends."""

        def __init__(self, viewer: Viewer) -> None:
            super().__init__(_multipart(viewer), media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}")
            self.viewer = viewer

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            try:
                await super().__call__(scope, receive, send)
            finally:
                self.viewer.leave()

    def full() -> "Response":
        return PlainTextResponse(f"{MOST_VIEWERS} are watching already\n", 503)

    async def show_page(request: "Request") -> "Response":
        if "token" in request.query_params:  # becomes a cookie, so that it does not stay in the address bar
            response: Response = RedirectResponse("./", 303)
            response.set_cookie(
                cookie, access.token or "", httponly=True, samesite="lax", secure=request.url.scheme == "https"
            )
            return response
        return Response(page, media_type="text/html", headers={"Content-Security-Policy": policy})

    async def show_icon(request: "Request") -> "Response":
        return Response(icon, media_type="image/svg+xml")

    async def show_live(request: "Request") -> "Response":
        viewer = live.enter()
        return full() if viewer is None else LiveResponse(viewer)

    async def show_image(request: "Request") -> "Response":
        viewer = live.enter()
        if viewer is None:
            return full()
        try:
            jpeg = await asyncio.wait_for(anext(viewer.jpegs()), IMAGE_SECONDS)
        except (TimeoutError, StopAsyncIteration):
            return PlainTextResponse("there is no image yet\n", 503)
        finally:
            viewer.leave()
        return Response(jpeg, media_type="image/jpeg")

    async def show_state(request: "Request") -> "Response":
        return JSONResponse(state())

    async def change_settings(request: "Request") -> "Response":
        # CSRF guard: JSON cannot come from a cross-site form and needs a CORS preflight.
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
    return guarded(Starlette(routes=routes), access, cookie)


async def _multipart(viewer: Viewer) -> AsyncIterator[bytes]:
    """Motion JPEG. The boundary follows each image at once: browsers show an image when its boundary arrives."""
    yield b"--%s\r\n" % BOUNDARY
    async for jpeg in viewer.jpegs():
        head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
        yield head + jpeg + b"\r\n--%s\r\n" % BOUNDARY


def content_policy(page: str) -> str:
    """A Content-Security-Policy that allows only the page's own script, style and server."""

    def hashes(tag: str) -> str:
        bodies = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(it.encode()).digest()).decode()}'" for it in bodies)

    return (
        f"default-src 'none'; img-src 'self'; connect-src 'self'; script-src {hashes('script')};"
        f" style-src {hashes('style')}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
