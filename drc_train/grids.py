"""Pictures of what was learned, in the rows of the paper's Fig. 3."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drc_train.model import RegionModel
from drc_train.objective import responsibility

GAP = 2


@torch.no_grad()
def figure(model: RegionModel, z: Tensor, image: Tensor, truth: Tensor | None = None) -> NDArray[np.uint8]:
    """One column for each picture; rows: observed, generated, masked foreground, background, truth, mask.

    Args:
        model: the networks.
        z: ``(B, D)`` latents of the pictures' posterior.
        image: ``(B, 3, H, W)`` in [-1, 1].
        truth: ``(B, 1, H, W)`` in [0, 1], if there is any.

    Returns:
        ``(rows, columns, 3)`` uint8 RGB. The mask is the responsibility.
    """
    regions = model(z)
    mask = regions.mask
    generated = mask * regions.foreground + (1 - mask) * regions.background
    gamma = responsibility(regions, image, model.config.region_likelihood())
    masked = gamma * regions.foreground + (1 - gamma)
    rows = [image, generated, masked, regions.background]
    if truth is not None:
        rows.append((truth * 2 - 1).expand_as(image))
    rows.append((gamma * 2 - 1).expand_as(image))
    return np.concatenate([_strip(row) for row in rows])


def _strip(row: Tensor) -> NDArray[np.uint8]:
    pictures = ((row.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    framed = np.pad(pictures, ((0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=255)
    return np.concatenate(list(framed), axis=1)
