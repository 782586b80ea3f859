"""The sink of ``--vcam``: a virtual camera that other programs can use. It needs the extra ``vcam`` and a system device."""

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from drc_runtime.errors import OutputError
from drc_runtime.frames import Frame, Sink, View
from drc_runtime.packages import require
from drc_runtime.views.fit import fit

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction


class VirtualCameraSink(Sink):
    """Sends frames to a virtual camera. The first frame sets its size, rounded up to even; later frames are fitted.

    Args:
        rate: the camera's nominal frames a second.
        view: makes the image from a frame and its extraction.

    Raises:
        MissingDependencyError: pyvirtualcam is not installed.
        OutputError: in the first ``write``, if the system has no virtual camera.
    """

    def __init__(self, rate: Fraction, view: View) -> None:
        self._module = require("pyvirtualcam", extra="vcam", purpose="--vcam")
        self._rate, self._view = rate, view
        self._camera: Any = None
        self._size = (0, 0)

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        image = self._view(frame, extraction)
        try:
            if self._camera is None:
                self._open(image)
            self._camera.send(np.ascontiguousarray(fit(image, self._size)))
        except (RuntimeError, OSError) as error:
            raise OutputError(
                f"no virtual camera: {error}; on Linux load v4l2loopback, elsewhere install OBS (docs/cameras.md)"
            ) from error

    def close(self) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def discard(self) -> None:
        self.close()

    def _open(self, image: Any) -> None:
        height, width = (side + side % 2 for side in image.shape[:2])
        self._size = (height, width)
        self._camera = self._module.Camera(
            width=width, height=height, fps=float(self._rate), fmt=self._module.PixelFormat.RGB
        )
