"""Opens the sinks of a run: files, the page and the virtual camera, whose packages are loaded only if they are asked for."""

from pathlib import Path
from typing import TYPE_CHECKING

from drc_runtime.frames import Sink, Source
from drc_runtime.sinks.av_video import AvVideoSink
from drc_runtime.sinks.encoders import OPAQUE
from drc_runtime.sinks.png import ImageSink, MaskSink
from drc_runtime.views.controls import Controls
from drc_runtime.views.views import Views

if TYPE_CHECKING:
    from drc_runtime.sinks.statistics import RunStatistics
    from drc_runtime.sinks.web.server import PageServer

VIDEO_SUFFIXES = OPAQUE.keys()


def open_sinks(
    source: Source,
    views: Views,
    controls: Controls,
    *,
    out: Path | None,
    masks: Path | None,
    soft: bool = False,
    alpha: bool = False,
    audio: bool = True,
) -> list[Sink]:
    """The sinks of outputs that ``check_outputs`` has passed.

    ``out`` gets the view that the run started with. Where that is ``overlay``, still images get the cut-out instead: an
    image is written for further use, an overlay is for viewing.

    Args:
        source: whose frames they get.
        views: of the frames.
        controls: their threshold decides binary masks.
        out: a video, a PNG or a folder, or None.
        masks: a folder, or None.
        soft: masks keep the probability.
        alpha: ``out`` gets the cut-out with its transparency.
        audio: a video keeps the sound of the file that is read.

    Raises:
        OutputError: a folder cannot be made, or a file cannot be written there.
    """
    sinks: list[Sink] = []
    if masks is not None:
        sinks.append(MaskSink(masks, soft=soft, controls=controls))
    if out is None:
        return sinks
    if source.is_still or out.suffix.lower() not in VIDEO_SUFFIXES:
        cut_out = alpha or controls.views[0] == "overlay"
        return [*sinks, ImageSink(out, views.cutout if cut_out else views.started)]
    assert source.rate is not None
    sink = AvVideoSink(
        out,
        source.rate,
        views.cutout if alpha else views.started,
        alpha=alpha,
        audio=audio_of(source) if audio else None,
        live=not source.paths,  # what cannot be read a second time plays even if this process is killed
        failures=source.failures,
        format=source.format,
    )
    return [*sinks, sink]


def audio_of(source: Source) -> Path | None:
    """The file whose audio a video can keep; None for sources that are not a file."""
    return next((path for path in sorted(source.paths) if path.is_file()), None)


def open_page(serve: str, token: str | None) -> "PageServer":
    """Takes the page's port, so that a port in use is reported before anything is loaded; a context manager.

    Args:
        serve: ``[HOST:]PORT``.
        token: access token; None makes a random one unless only this machine reaches the page.

    Raises:
        UsageError: the address or the token is not valid.
        MissingDependencyError: the web packages are not installed.
        OutputError: the port is taken.
    """
    from drc_runtime.sinks.web.server import PageServer

    return PageServer(serve, token)


def open_watching_sinks(
    source: Source,
    views: Views,
    controls: Controls,
    statistics: "RunStatistics",
    *,
    page: "PageServer | None",
    vcam: bool,
) -> list[Sink]:
    """The sinks of the virtual camera and of the page, which starts to answer.

    Args:
        source: a camera, a stream or a video.
        views: the page and the virtual camera show the view that ``controls`` name.
        controls: the page changes them.
        statistics: the page shows their figures.
        page: from ``open_page``.
        vcam: whether a virtual camera is asked for.

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
        sinks.append(page.start(views.shown, controls, statistics.figures))
    return sinks
