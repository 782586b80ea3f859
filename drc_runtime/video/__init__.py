"""Pictures in (picture, folder, video, camera, stream) and pictures out (masks, cut-outs, video, window)."""

from drc_runtime.video.frame import Frame, Sink, Source
from drc_runtime.video.sources import open_source

__all__ = ["Frame", "Sink", "Source", "open_source"]
