"""Images and frames with ground-truth masks, for evaluation only: training never reads a mask."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drc_runtime.errors import SourceError
from drc_runtime.images import Image, is_listed, list_images, read_image
from drc_train.data.masks import read_mask
from drc_train.data.source import image_folder, media_path, parse_name
from drc_train.data.synthetic import tm_dsprites
from drc_train.data.synthetic.scene import draw_scene
from drc_train.data.video import read_frames

EVALUATION_SEED = 2
"""Seed of the data sets that are drawn for evaluation; the samples have 1, training takes 1000 and up."""


class Labelled(NamedTuple):
    """An image ``(H, W, 3)`` uint8 RGB and its mask ``(H, W)`` uint8, 0 or 255, both at full size."""

    name: str
    image: Image
    mask: Image
    void: NDArray[np.bool_] | None = None
    """``(H, W)``: pixels that are not measured, because their truth is not known; None if there is none."""


def load_evaluation(data: str, truth: str | Path | None = None) -> Iterator[Labelled]:
    """Loads labelled images one at a time, in order. Images and frames without a mask are left out.

    Args:
        data: a folder with ``images`` and ``masks`` (same stem, ``.png``), a video file, or ``tm-dsprites[:N]`` or
            ``scene[:N]``, drawn with a seed that training never uses.
        truth: the folder of masks. Default: ``masks`` in the folder, or beside the video. The masks of a video are
            called ``00000.png``, ``00001.png`` and so on, by frame.

    Raises:
        SourceError: the data do not exist, have no masks, or masks of other data. While iterating: a mask that cannot be
            read, has another size than its image or belongs to no frame, or an image that cannot be read.
    """
    named = parse_name(data)
    if named is not None:
        return _draw(*named)
    path = media_path(data)
    if not path.exists():
        raise SourceError(f"{data} does not exist; give a folder with images/ and masks/, a video or a data set")
    if path.is_dir():
        return _folder(path, Path(truth) if truth else path / "masks")
    if is_listed(path):
        raise SourceError(f"{path} is a single image; give the folder that holds images/ and masks/")
    return _video(path, Path(truth) if truth else path.parent / "masks")


def _draw(name: str, count: int | None) -> Iterator[Labelled]:
    if name == "tm-dsprites":
        pairs = tm_dsprites.draw_each(count or 200, 128, EVALUATION_SEED)
    else:
        pairs = draw_scene(count or 300, 240, 320, EVALUATION_SEED)
    return (Labelled(f"{index:05d}", image, mask) for index, (image, mask) in enumerate(pairs))


def _list_masks(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise SourceError(f"no masks: {folder} does not exist; name the folder of masks with --truth")
    return {path.stem: path for path in folder.iterdir() if path.suffix.lower() == ".png"}


def _folder(folder: Path, mask_folder: Path) -> Iterator[Labelled]:
    masks = _list_masks(mask_folder)
    pairs = [(path, masks[path.stem]) for path in list_images(image_folder(folder)) if path.stem in masks]
    if not pairs:
        raise SourceError(f"no masks: {mask_folder} holds no NAME.png for any image NAME in {image_folder(folder)}")
    _check_foreground([mask for _, mask in pairs])
    return (_labelled(path.stem, read_image(path), mask_path) for path, mask_path in pairs)


def _video(path: Path, mask_folder: Path) -> Iterator[Labelled]:
    masks = {int(stem): mask for stem, mask in _list_masks(mask_folder).items() if stem.isascii() and stem.isdigit()}
    if not masks:
        raise SourceError(f"no masks: {mask_folder} holds no 00000.png, 00001.png, ... for the frames of {path}")
    _check_foreground(list(masks.values()))

    def read() -> Iterator[Labelled]:
        frames = 0
        for frames, image in enumerate(read_frames(path), start=1):
            if frames - 1 in masks:
                mask_path = masks[frames - 1]
                yield _labelled(mask_path.stem, image, mask_path)
        if max(masks) >= frames:
            raise SourceError(
                f"{masks[max(masks)]} belongs to no frame: {path} has {frames}; name this clip's masks with --truth"
            )

    return read()


def _check_foreground(paths: list[Path]) -> None:
    """Refuses a truth that is empty everywhere, before any work is done. As a rule only the first file is read."""
    if not any(read_mask(path).mask.any() for path in paths):
        raise SourceError(
            f"no foreground in the {len(paths)} masks of {paths[0].parent}, so there is no IoU; name others with --truth"
        )


def _labelled(name: str, image: Image, mask_path: Path) -> Labelled:
    mask, void = read_mask(mask_path)
    if mask.shape != image.shape[:2]:
        raise SourceError(
            f"{mask_path} is {mask.shape[1]}x{mask.shape[0]} but its image {image.shape[1]}x{image.shape[0]}"
            "; masks must have the size of their images"
        )
    return Labelled(name, image, mask, void)
