"""Grids of what a model learned: the rows of Fig. 3, samples of the prior (Fig. S20), the re-assignment of Fig. 2."""

import numpy as np
import torch
from torch import Tensor

from drc_runtime.images import Image
from drc_runtime.preprocess import to_image
from drc_train.figures.tiles import Map, assemble, extraction_labels, extraction_tiles, grey
from drc_train.model.objective import responsibility, slot_responsibilities
from drc_train.model.regions import RegionModel


@torch.no_grad()
def figure(model: RegionModel, z: Tensor, image: Tensor) -> Image:
    """Fig. 3 without truth, one column for each image; the mask is the responsibility.

    Args:
        model: the networks.
        z: ``(B, D)`` latents of the images' posterior.
        image: ``(B, C, H, W)`` in [-1, 1], C as ``observed_channels``.

    Returns:
        ``(H', W', 3)`` uint8 RGB, as ``tiles.assemble``.
    """
    regions, likelihood = model(z, image), model.config.region_likelihood()
    maps = [
        image[:, :3],
        regions.mask,
        regions.foreground,
        regions.background,
        responsibility(regions, image, likelihood),
    ]
    slots = _arrays(slot_responsibilities(regions, image, likelihood)) if regions.slot_count > 1 else [None] * len(z)
    columns = zip(*map(_arrays, maps), slots, strict=True)
    return assemble(
        [
            extraction_tiles(pixels, pi, foreground, background, gamma, None, shares)
            for pixels, pi, foreground, background, gamma, shares in columns
        ],
        extraction_labels(slots=regions.slot_count > 1),
    )


@torch.no_grad()
def prior_figure(model: RegionModel, z: Tensor) -> Image:
    """Samples of the prior (Fig. S20), one column for each; rows: generated, masked foreground, background, pi_f.

    Args:
        model: the networks.
        z: ``(B, D)`` samples of the prior.
    """
    regions = model(z)
    mask = regions.mask
    generated = mask * regions.foreground + (1 - mask) * regions.background
    masked = mask * regions.foreground + (1 - mask)
    images = zip(*map(_arrays, (generated, masked, regions.background, mask)), strict=True)
    tiles = [[*map(to_image, column[:3]), grey(column[3])] for column in images]
    return assemble(tiles, ["generated", "foreground", "background", "mask"])


@torch.no_grad()
def reassignment_figure(model: RegionModel, z: Tensor) -> Image:
    """Pixel re-assignment as in Fig. 2; rows: background before, sampling grid, background after.

    The grid shows x as red and y as green. The first column shows the identity grid.

    Args:
        model: the networks; they must have a re-assignment.
        z: ``(B, D)`` latents.
    """
    regions = model(z)
    size = model.config.image_size
    line = ((torch.arange(size) * 2 + 1) / size - 1).to(z.device)
    identity = torch.stack((line.expand(size, size), line[:, None].expand(size, size)))
    grids = torch.cat((identity[None], model.reassignment_grid(z)))
    shown = _arrays(torch.cat((grids, torch.zeros_like(grids[:, :1])), 1))
    before, after = _arrays(regions.background_before), _arrays(regions.background)
    blank = np.full((size, size, 3), 255, np.uint8)
    columns = [[blank, to_image(shown[0]), blank]]
    columns += [[*map(to_image, column)] for column in zip(before, shown[1:], after, strict=True)]
    return assemble(columns, ["before", "sampling grid", "after"])


def _arrays(batch: Tensor) -> list[Map]:
    return list(batch.float().cpu().numpy())
