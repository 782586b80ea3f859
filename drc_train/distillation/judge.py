"""The judge: what the teachers' masks of a picture together say, and how much a student should learn from it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def judge(masks: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Weighs the teachers of each picture by their agreement with the others.

    Args:
        masks: of each teacher ``(N, S, S)`` uint8, the foreground's probability from 0 to 255.

    Returns:
        The targets ``(N, S, S)`` uint8, the weighted mean of the masks; and the weights ``(N,)`` in [0, 1] of the pictures, the
        mean IoU of each two teachers.
    """
    binary = np.stack([mask > 127 for mask in masks], 1)
    agreement = np.stack([_agreement(of_picture) for of_picture in binary])
    shares = agreement.mean(2) ** SHARPNESS + 1e-3
    shares /= shares.sum(1, keepdims=True)
    targets = np.einsum("nt,nthw->nhw", shares, np.where(binary, np.float32(255), np.float32(0)))
    return np.rint(targets).astype(np.uint8), agreement.mean((1, 2)).astype(np.float32)


SHARPNESS = 2
"""Exponent of a teacher's agreement in its share of the target."""


def _agreement(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The IoU of each of T masks ``(T, S, S)`` with the T - 1 others ``(T, T - 1)``; 0 with an empty one."""
    flat = masks.reshape(len(masks), -1).astype(np.float32)
    common = flat @ flat.T
    area = common.diagonal()
    union = area[:, None] + area - common
    iou = common / np.maximum(union, 1)
    return iou[~np.eye(len(masks), dtype=bool)].reshape(len(masks), -1)
