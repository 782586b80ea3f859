"""Those who watch a run: the page and the virtual camera, whose packages are loaded only where they are asked for."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from drc_runtime.errors import UsageError
from drc_runtime.frames import Sink, Source
from drc_runtime.sinks.statistics import Health
from drc_runtime.views.controls import Controls
from drc_runtime.views.views import Views

if TYPE_CHECKING:
    from drc_runtime.sinks.web.server import PageServer


def open_page(stack: ExitStack, serve: str | None, token: str | None) -> "PageServer | None":
    """Takes the page's port, and gives it back when ``stack`` ends; None if no page was asked for.

    Raises:
        UsageError: the address or the token is not valid, or there is a token but no page.
        MissingDependencyError: the web packages are not installed.
        OutputError: the port is taken.
    """
    if serve is None:
        if token is not None:
            raise UsageError("--token is for the page; add --serve [HOST:]PORT")
        return None
    from drc_runtime.sinks.web.server import PageServer

    return stack.enter_context(PageServer(serve, token))


def watching_sinks(
    source: Source,
    views: Views,
    controls: Controls,
    health: Health,
    page: "PageServer | None",
    *,
    vcam: bool,
    notice: Callable[[str], None] | None,
) -> list[Sink]:
    """The sinks of those who watch; starts the page and says where it is.

    Args:
        source: a camera, a stream or a video.
        views: of which they are shown the one that ``controls`` names.
        controls: that the page changes.
        health: whose figures it shows.
        page: from ``open_page``.
        vcam: a virtual camera is asked for.
        notice: gets the page's address. It can hold a token and must not go into a log.

    Raises:
        MissingDependencyError: pyvirtualcam is not installed.
        OutputError: the page does not come up.
    """
    sinks: list[Sink] = []
    if vcam:
        from drc_runtime.sinks.virtual_camera import VirtualCameraSink

        assert source.rate is not None
        sinks.append(VirtualCameraSink(source.rate, views.shown))
    if page is not None:
        sinks.append(page.start(views.shown, controls, health.figures))
        if notice is not None:
            notice(f"live page: {page.url}")
    return sinks
