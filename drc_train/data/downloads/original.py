"""What reading the original downloads has in common: items, squares round a box, and errors that say what was expected."""

import math
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import cv2
import numpy as np
from scipy.io import loadmat

from drc_runtime.errors import SourceError
from drc_runtime.images import Image


class Box(NamedTuple):
    """A bounding box in pixels; right and bottom lie just outside."""

    left: float
    top: float
    right: float
    bottom: float


class Item(NamedTuple):
    """One image of a download, still unread."""

    split: str
    """``train`` or ``test``."""
    image: Path
    box: Box
    mask: PurePosixPath
    """Where its mask lies below the folder of masks, without a suffix."""


class Square(NamedTuple):
    """A square of whole pixels."""

    top: int
    left: int
    side: int

    def cut(self, image: Image) -> Image:
        """The square's part of ``(H, W)`` or ``(H, W, 3)``."""
        return image[self.top : self.top + self.side, self.left : self.left + self.side]


def square_round(box: Box, height: int, width: int, margin: float = 0.0) -> Square:
    """The square round a box's centre (Appendix A.1), as large as the box's longer side.

    It is moved into the image where it would stick out, and no larger than the image's shorter side, so that every
    pixel of it is one of the image.

    Args:
        box: where the object is.
        height: of the image.
        width: of the image.
        margin: what is added to the side, as a share of it.

    Raises:
        SourceError: nothing of the box lies within the image.
    """
    left, right = np.clip([box.left, box.right], 0, width).tolist()
    top, bottom = np.clip([box.top, box.bottom], 0, height).tolist()
    if not (right > left and bottom > top):  # also where one is not a number
        raise SourceError(f"its bounding box {tuple(box)} lies outside of its {width}x{height} pixels")
    side = max(1, min(round(max(right - left, bottom - top) * (1 + margin)), width, height))
    return Square(
        top=max(0, min(round((top + bottom - side) / 2), height - side)),
        left=max(0, min(round((left + right - side) / 2), width - side)),
        side=side,
    )


def read_mask(path: Path) -> Image:
    """A mask ``(H, W)`` uint8, 0 or 255: foreground where the file's grey is 128 or more.

    Raises:
        SourceError: missing, empty or not an image.
    """
    try:
        data = path.read_bytes()
        mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    except cv2.error:
        mask = None
    if mask is None:
        raise SourceError(f"{path} is not a mask that can be read; expected a PNG, 0 and 255")
    return np.where(mask >= 128, 255, 0).astype(np.uint8)


def require(root: Path, *names: str, layout: str) -> Path:
    """The folder, ``root`` itself or the one inside it, that holds all ``names``.

    Archives are unpacked with and without their own folder, so both are taken.

    Args:
        root: what the user named.
        names: files and folders that the layout has.
        layout: one line that says what the folder should look like.

    Raises:
        SourceError: there is no such folder.
    """
    inside = sorted(entry for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
    # The folder that has most of it is the one whose missing file is worth naming.
    found = max([root, *inside], key=lambda folder: sum((folder / name).exists() for name in names))
    missing = [name for name in names if not (found / name).exists()]
    if missing:
        raise SourceError(f"{found} has no {missing[0]}; expected {layout}")
    return found


def inside(folder: Path, name: str, where: Path) -> Path:
    """``folder / name``, where a list of the download may not lead out of its folder.

    Raises:
        SourceError: the name is absolute, empty, has ``..`` in it or cannot be one of a file.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name or not name.isprintable() or "\\" in name:
        raise SourceError(f"{where} names {name[:80]!r}, which is no file below {folder}; download it again")
    return folder / path


def load_mat(path: Path, variable: str) -> Any:
    """A variable of a MATLAB file, simplified to lists, dicts and arrays.

    Raises:
        SourceError: missing, damaged, or without that variable.
    """
    try:
        return loadmat(path, variable_names=[variable], simplify_cells=True)[variable]
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist; it is part of the download") from error
    except KeyError as error:
        raise SourceError(f"{path} has no variable {variable!r}; is it the download's own file?") from error
    except Exception as error:  # noqa: BLE001 - what scipy raises over damaged files is anything from TypeError to zlib's
        raise SourceError(f"{path} is not a MATLAB file that can be read; download it again") from error


def box_of(values: tuple[Any, Any, Any, Any], where: str) -> Box:
    """Four numbers as a box, left, top, right, bottom.

    Raises:
        SourceError: they are not finite numbers.
    """
    try:
        box = Box(*(float(value) for value in values))
    except (TypeError, ValueError) as error:
        raise SourceError(f"{where}: a bounding box is four numbers, not {values!r:.80}") from error
    if not all(math.isfinite(value) for value in box):
        raise SourceError(f"{where}: a bounding box is four finite numbers, not {values!r:.80}")
    return box
