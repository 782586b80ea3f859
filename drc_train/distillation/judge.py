"""The judge: what a student learns from the masks that its teachers give a picture, and whether it learns from it at all.

Each teacher's mask is cut again by the colours of its own picture. The cut teaches: its errors are those of the colours, which
differ from picture to picture and so average out in a student, while a teacher's own are the same everywhere, such as too much
of the middle. Where a mask and its cut do not agree, the colours tell other things apart, and nothing is learned.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drc_runtime.activity import Report, silent
from drc_runtime.inference.cut import cut

GATE = 0.3
"""Least IoU of a mask and its cut."""


def judge(
    images: NDArray[np.uint8], masks: Sequence[NDArray[np.bool_]], report: Report = silent
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Cuts every mask and keeps the cuts that agree with theirs; of several in one picture the mean.

    Args:
        images: ``(N, 3, S, S)`` uint8 RGB.
        masks: of each teacher ``(N, S, S)``.
        report: called with the number of pictures done, which take some 0.05 s of a core for each teacher.

    Returns:
        The targets ``(N, S, S)`` uint8, the foreground's probability from 0 to 255; and ``(N,)``, whether
        a picture teaches.
    """
    targets, teaches = np.zeros(masks[0].shape, np.uint8), np.zeros(len(images), bool)
    for index, image in enumerate(images):
        report("judging the teachers", index, len(images))
        rows = np.ascontiguousarray(image.transpose(1, 2, 0))
        cuts = [cut(rows, of_teacher[index]) for of_teacher in masks]
        believed = [found for found, agreed in cuts if agreed >= GATE]
        if believed:
            targets[index] = np.rint(255 * np.mean(believed, 0))
            teaches[index] = True
    return targets, teaches
