"""Images and frames with ground-truth masks, for evaluation only: training never sees a mask."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from drc_runtime.errors import SourceError
from drc_runtime.images import IMAGE_SUFFIXES, Image, list_images, read_image
from drc_train.data.source import image_folder, parse_name
from drc_train.data.synthetic import tm_dsprites
from drc_train.data.synthetic.scene import draw_scene
from drc_train.data.video import read_frames

EVALUATION_SEED = 2
"""Seed of data sets drawn for evaluation: neither the samples' (1) nor one of training (1000 and up)."""


class Labelled(NamedTuple):
    """An image ``(H, W, 3)`` uint8 RGB and its mask ``(H, W)`` uint8, 0 or 255, both at their full size."""

    name: str
    image: Image
    mask: Image


def load_evaluation(data: str, masks: str | None = None) -> Iterator[Labelled]:
    """What ``drc eval`` measures on, one at a time and in order.

    Args:
        data: a folder with ``images`` and ``masks`` (same stem, ``.png``), a video file, or ``tm-dsprites[:N]`` or
            ``scene[:N]``, drawn with a seed that training never uses.
        masks: the folder of masks where it is not ``masks`` inside the folder or beside the video. The masks of a
            video are called ``00000.png`` and so on, by frame.

    Images and frames without a mask are left out.

    Raises:
        SourceError: no such data or masks, or none that belong together. While iterating: a mask that cannot be read,
            has another size than its image or belongs to no frame, or an image that cannot be read.
    """
    named = parse_name(data)
    if named is not None:
        return _draw(*named)
    path = Path(data)
    if not path.exists():
        raise SourceError(f"{data} does not exist; give a folder with images and masks, a video or a data set")
    if path.is_dir():
        return _folder(path, Path(masks) if masks else path / "masks")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise SourceError(f"{path} is a single image; give the folder that holds images and masks")
    return _video(path, Path(masks) if masks else path.parent / "masks")


def _draw(name: str, count: int | None) -> Iterator[Labelled]:
    if name == "tm-dsprites":
        pairs = tm_dsprites.draw_each(count or 200, 128, EVALUATION_SEED)
    else:
        pairs = draw_scene(count or 300, 240, 320, EVALUATION_SEED)
    return (Labelled(f"{index:05d}", image, mask) for index, (image, mask) in enumerate(pairs))


def _list_masks(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise SourceError(f"no masks: {folder} does not exist; name the folder that holds them with --masks")
    return {path.stem: path for path in folder.iterdir() if path.suffix.lower() == ".png"}


def _folder(folder: Path, mask_folder: Path) -> Iterator[Labelled]:
    masks = _list_masks(mask_folder)
    pairs = [(path, masks[path.stem]) for path in list_images(image_folder(folder)) if path.stem in masks]
    if not pairs:
        raise SourceError(f"no masks: {mask_folder} holds no NAME.png for any image NAME in {image_folder(folder)}")

    def read() -> Iterator[Labelled]:
        for path, mask_path in pairs:
            image = read_image(path)
            yield Labelled(path.stem, image, _read_mask(mask_path, image))

    return read()


def _video(path: Path, mask_folder: Path) -> Iterator[Labelled]:
    masks = {int(stem): mask for stem, mask in _list_masks(mask_folder).items() if stem.isascii() and stem.isdigit()}
    if not masks:
        raise SourceError(f"no masks: {mask_folder} holds no 00000.png, 00001.png, ... for the frames of {path}")

    def read() -> Iterator[Labelled]:
        frames = 0
        for frames, image in enumerate(read_frames(path), start=1):
            if frames - 1 in masks:
                mask = masks[frames - 1]
                yield Labelled(mask.stem, image, _read_mask(mask, image))
        if max(masks) >= frames:
            raise SourceError(
                f"{masks[max(masks)]} belongs to no frame: {path} has {frames}; are these the masks of another clip?"
            )

    return read()


def _read_mask(path: Path, image: Image) -> Image:
    mask = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE) if path.stat().st_size else None
    if mask is None:
        raise SourceError(f"{path} is not a mask that can be read; expected an 8-bit PNG, 0 and 255")
    if mask.shape != image.shape[:2]:
        raise SourceError(
            f"{path} is {mask.shape[1]}x{mask.shape[0]} but its image {image.shape[1]}x{image.shape[0]}"
            "; masks must have the size of their images"
        )
    return np.where(mask >= 128, 255, 0).astype(np.uint8)
