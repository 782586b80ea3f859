"""The second round: a student's own masks, cut by the colours of each picture, teach the next student.

The first student is smoother than its teachers and wrong in fewer pictures, but its outlines are coarse; the cut is exact where
it starts from the right thing. Both come from the same pictures, and no label is read.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from drc_runtime.activity import Report, silent
from drc_runtime.inference.cut import agreement, cut
from drc_train.learner.student import BATCH
from drc_train.model.student import Student

GATE = 0.5
"""Least IoU of the student's mask and its cut: below it the student's mask teaches, as it is."""


@torch.no_grad()
def log_odds(network: Student, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The foreground's log-odds ``(N, S, S)`` in pictures ``(N, 3, S, S)`` uint8 RGB."""
    network.eval()
    found = np.zeros((len(images), *images.shape[2:]), np.float32)
    for first in range(0, len(images), BATCH):
        batch = torch.from_numpy(images[first : first + BATCH]).float() / 127.5 - 1
        found[first : first + BATCH] = network(batch)[:, 0].numpy()
    return found


@torch.no_grad()
def set_share(network: Student, images: NDArray[np.uint8], share: float) -> None:
    """Moves a network's log-odds so that ``share`` of all pixels of the pictures are above 0.

    A student that is not sure gives the middle of its pictures to the foreground or to nothing, depending on its loss; its
    teachers know better how large things are.
    """
    level = float(np.quantile(log_odds(network, images), 1 - share))
    assert network.head.bias is not None
    network.head.bias -= level


def lessons(
    network: Student, images: NDArray[np.uint8], report: Report = silent
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Targets ``(N, S, S)`` uint8, 0 or 255, and weights ``(N,)`` in [0, 1]: how far student and cut agree.

    Args:
        network: that has learned.
        images: ``(N, 3, S, S)`` uint8 RGB.
        report: called with the number of pictures done.
    """
    masks = log_odds(network, images) > 0
    weights = np.zeros(len(images), np.float32)
    for index, image in enumerate(images):
        report("cutting the student's masks", index, len(images))
        found = cut(np.ascontiguousarray(image.transpose(1, 2, 0)), masks[index])
        weights[index] = agreement(found, masks[index])
        if weights[index] >= GATE:
            masks[index] = found
    return np.where(masks, 255, 0).astype(np.uint8), weights
