"""Statistics of a data set with masks (Appendix G.1): colour histograms of foreground and background, heat map of the masks."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.images import Image
from drc_runtime.preprocess import resize
from drc_train.data.evaluation import Labelled
from drc_train.data.masks import binary
from drc_train.figures.write import write_images

LEVELS = 256
HEAT_MAP_SIZE = 128
_PANEL = 160, 2 * LEVELS
"""Height and width of a histogram, pixels."""
_COLOURS = ((220, 50, 50), (40, 160, 60), (50, 80, 220))
"""Of the curves of red, green and blue."""


class Statistics:
    """Accumulates over images what Figs. S16 and S17 show."""

    def __init__(self) -> None:
        self.foreground = np.zeros((3, LEVELS), np.int64)
        """(3, 256): number of foreground pixels by channel (RGB) and level."""
        self.background = np.zeros((3, LEVELS), np.int64)
        """(3, 256): number of background pixels by channel and level."""
        self._overlaid = np.zeros((HEAT_MAP_SIZE, HEAT_MAP_SIZE), np.float64)

    def add(self, image: Image, mask: NDArray[np.uint8], void: NDArray[np.bool_] | None = None) -> None:
        """Adds an image ``(H, W, 3)`` uint8 RGB and its mask ``(H, W)`` uint8, foreground where above 127, without its void."""
        inside = mask > 127
        outside = ~inside if void is None else ~(inside | void)
        for channel in range(3):
            self.foreground[channel] += np.bincount(image[..., channel][inside], minlength=LEVELS)
            self.background[channel] += np.bincount(image[..., channel][outside], minlength=LEVELS)
        self._overlaid += resize(binary(mask), (HEAT_MAP_SIZE, HEAT_MAP_SIZE)) / 255

    def heat(self) -> NDArray[np.float64]:
        """(128, 128) in [0, 1]: sum of the masks, divided by its maximum (Fig. S17); zeros without a foreground."""
        return self._overlaid / max(self._overlaid.max(), 1e-12)

    def heat_map(self) -> Image:
        """``heat`` in colours: ``(128, 128, 3)`` uint8 RGB."""
        coloured = cv2.applyColorMap(np.rint(255 * self.heat()).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
        return np.asarray(cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB), np.uint8)

    def histograms(self) -> Image:
        """Fig. S16, ``(H, W, 3)`` uint8 RGB: fraction of pixels by level, a curve for each channel.

        The foreground is above, the background below. Both have the same scale, so that they can be compared.
        """
        shares = [counts / np.maximum(counts.sum(1, keepdims=True), 1) for counts in (self.foreground, self.background)]
        # Levels 0 and 255 collect clipped pixels; a peak there would flatten the other levels.
        top = max(float(share[:, 1:-1].max()) for share in shares) or 1.0
        height, width = _PANEL
        panels = []
        for title, share in zip(("foreground", "background"), shares, strict=True):
            panel = np.full((height, width, 3), 255, np.uint8)
            across = np.linspace(0, width - 1, LEVELS)
            for curve, colour in zip(share, _COLOURS, strict=True):
                down = (height - 2) * (1 - np.minimum(curve / top, 1))
                points = np.rint(np.stack([across, down], 1)).astype(np.int32)
                cv2.polylines(panel, [points], False, colour, 1, cv2.LINE_AA)
            cv2.putText(panel, title, (8, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (60, 60, 60), 1, cv2.LINE_AA)
            panels.append(np.pad(panel, ((0, 2), (0, 0), (0, 0))))
        return np.concatenate(panels)


def write_statistics(folder: Path, images: Iterable[Labelled]) -> list[Path]:
    """Writes ``histograms.png`` (Fig. S16) and ``heat-map.png`` (Fig. S17) into a folder, made if needed.

    Returns:
        The files.

    Raises:
        SourceError: while the images are read.
        OutputError: the disk refuses.
    """
    statistics = Statistics()
    for labelled in images:
        statistics.add(labelled.image, labelled.mask, labelled.void)
    return write_images(folder, {"histograms": statistics.histograms(), "heat-map": statistics.heat_map()})
