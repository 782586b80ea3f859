"""Mask files: what the levels or colours in a file mean is decided here, by the file's content.

==============================================  ==========================================================================
content                                         meaning
==============================================  ==========================================================================
grey, two levels of which one is 0              0 is background, the other level is foreground (0/255, 0/1, 0/38, 16 bits)
grey, one level                                 0 is background; any other level is foreground everywhere
grey, labels: 0 and others of 1 to 20, 255      0 is background, 255 is void, any other label is foreground
grey, from nearly black to nearly white         foreground from level 128 on (a mask with soft edges)
palette of colours (DAVIS, VOC)                 indices are labels, of any number: 0 is background, 255 is void
black and one other colour                      black is background, the other foreground, VOC's (224, 224, 192) is void
==============================================  ==========================================================================

A palette of greys counts as grey. Anything else is ambiguous and refused. Void pixels are not measured.
"""

import io
import struct
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageOps

from drc_runtime.errors import SourceError
from drc_runtime.image_formats import read_header
from drc_runtime.images import Image, read_bytes

VOID = 255
LARGEST_LABEL = 20
"""Grey levels up to this one are labels, as in VOC with its 20 classes; levels between it and 255 are shades."""
DARK, BRIGHT = 32, 192
"""A mask with soft edges has levels up to the first and from the second on."""
VOID_COLOUR = (224, 224, 192)
WAY_OUT = "write 0 for the background and 255 for the foreground"
LOSSY = ("JPEG", "JPEG 2000")
MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B", "I;16L", "I"}


class MaskFile(NamedTuple):
    """A mask and what it leaves open."""

    mask: Image
    """``(H, W)`` uint8, 0 or 255; 0 where the file says void."""
    void: NDArray[np.bool_] | None = None
    """``(H, W)``: pixels that are not measured; None if there is none."""


def read_mask(path: Path) -> MaskFile:
    """Reads a mask by the rules of this module.

    Raises:
        SourceError: the file is missing, no image that is read, or ambiguous.
    """
    pixels, palette, lossy = _decode(path)
    if palette is not None:
        used = np.unique(pixels)
        colours = palette[used]
        if _is_grey(colours) and len(np.unique(colours[:, 0])) == len(used):
            pixels = palette[pixels][..., 0]
        else:
            return _labels(pixels)
    if pixels.ndim == 3:
        if not _is_grey(pixels):
            return _colours(pixels, path)
        pixels = pixels[..., 0]
    return _levels(pixels, path, lossy)


def read_probabilities(path: Path) -> Image:
    """Reads a method's mask ``(H, W)`` as 0 or 255: foreground from level 128 on.

    Labels, 0 and 1 among them, are read as in ``read_mask`` where no file beside it has shades: a soft mask of an empty image
    can hold the levels 0 and 1 as well.

    Raises:
        SourceError: as ``read_mask``.
    """
    pixels, palette, _ = _decode(path)
    grey = palette is None and pixels.ndim == 2
    if grey and (pixels.max(initial=0) > LARGEST_LABEL or _has_shades(path.parent)):
        return binary(_eight_bits(pixels))
    return read_mask(path).mask


def binary(grey: Image) -> Image:
    """255 where a grey level is 128 or more, else 0; any shape, uint8."""
    return np.where(grey >= 128, 255, 0).astype(np.uint8)


def _decode(path: Path) -> tuple[NDArray[np.uint8 | np.uint16], NDArray[np.uint8] | None, bool]:
    """Levels ``(H, W)``, colours ``(H, W, 3)`` or indices ``(H, W)`` with their palette; whether the format is lossy."""
    data = read_bytes(path)
    try:
        header = read_header(data, str(path))
        with PillowImage.open(io.BytesIO(data)) as file:
            image = ImageOps.exif_transpose(file)
            if image.mode not in MODES:
                raise SourceError(f"{path} has pixels of the kind {image.mode}, which no mask has; {WAY_OUT}")
            if image.mode in ("LA", "RGBA"):
                if image.getchannel("A").getextrema()[0] != 255:  # type: ignore[index]
                    raise SourceError(f"{path} is transparent in places, which a mask is not; {WAY_OUT}")
                image = image.convert(image.mode[:-1])
            palette = None
            if image.mode == "P":
                palette = np.zeros((256, 3), np.uint8)
                stored = np.asarray(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
                palette[: len(stored)] = stored
            pixels = np.asarray(image)
    except SourceError as error:
        raise SourceError(f"{error} (expected a mask)") from error
    except (OSError, ValueError, SyntaxError, struct.error, MemoryError, PillowImage.DecompressionBombError) as error:
        raise SourceError(f"{path} is not a mask that can be read: its data is damaged; {WAY_OUT}") from error
    if pixels.dtype == bool:
        pixels = np.where(pixels, 255, 0)
    if pixels.min(initial=0) < 0 or pixels.max(initial=0) > 65535:
        raise SourceError(f"{path} has levels outside of 0 to 65535; {WAY_OUT}")
    return pixels.astype(np.uint8 if pixels.max(initial=0) < 256 else np.uint16), palette, header.format in LOSSY


def _levels(pixels: NDArray[np.uint8 | np.uint16], path: Path, lossy: bool) -> MaskFile:
    found = np.unique(pixels)
    if len(found) == 1 or (len(found) == 2 and found[0] == 0 and not lossy):
        return MaskFile(np.where(pixels > 0, 255, 0).astype(np.uint8))
    labels = found[found != VOID]
    if found[0] == 0 and labels.max() <= LARGEST_LABEL and not lossy:
        return _labels(pixels)
    grey = _eight_bits(pixels)
    labelled = pixels.dtype == np.uint16 and found[1] <= LARGEST_LABEL  # 16 bits, but not used as shades
    if grey.min() <= DARK and grey.max() >= BRIGHT and not labelled:
        return MaskFile(binary(grey))
    shown = ", ".join(map(str, found[:6])) + (", ..." if len(found) > 6 else "")
    raise SourceError(f"{path} has the grey levels {shown}, which can mean several things in a mask; {WAY_OUT}")


def _labels(indices: NDArray[np.uint8 | np.uint16]) -> MaskFile:
    void = indices == VOID
    mask = np.where((indices > 0) & ~void, 255, 0).astype(np.uint8)
    return MaskFile(mask, void if void.any() else None)


def _colours(pixels: NDArray[np.uint8 | np.uint16], path: Path) -> MaskFile:
    codes = (pixels.astype(np.uint32) << np.array([16, 8, 0], np.uint32)).sum(2, dtype=np.uint32)
    void = codes == (VOID_COLOUR[0] << 16 | VOID_COLOUR[1] << 8 | VOID_COLOUR[2])
    found = np.unique(codes[~void])
    if len(found[found > 0]) > 1:
        raise SourceError(f"{path} has {len(found)} colours, which can mean several things in a mask; {WAY_OUT}")
    return MaskFile(np.where((codes > 0) & ~void, 255, 0).astype(np.uint8), void if void.any() else None)


def _is_grey(colours: NDArray[np.uint8 | np.uint16]) -> bool:
    return bool((colours == colours[..., :1]).all())


def _eight_bits(pixels: NDArray[np.uint8 | np.uint16]) -> Image:
    return np.asarray(pixels // 257 if pixels.dtype == np.uint16 else pixels, np.uint8)


@lru_cache(maxsize=1024)
def _has_shades(folder: Path) -> bool:
    """Whether any mask of a folder has levels between those of labels and 255."""
    return any(_is_shaded(path) for path in sorted(folder.glob("*.png")))


def _is_shaded(path: Path) -> bool:
    try:
        pixels, palette, _ = _decode(path)
    except SourceError:  # told when its turn comes
        return False
    return palette is None and bool(((pixels > LARGEST_LABEL) & (pixels < VOID)).any())
