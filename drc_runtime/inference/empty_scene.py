"""The picture of a fixed camera's scene without the things that stand in it for a while, from a sample of its frames.

The median of all frames shows whatever stands somewhere longer than half of the time. Such a pixel has two persistent states,
the thing's and the scene's, and time alone cannot say which is which. Their surroundings can: a thing that stands in front adds
an edge along its contour, the scene behind it goes on across the contour. The test is the boundary contrast by which
abandoned objects are told from removed ones (San Miguel and Martinez, AVSS 2008, "Robust unattended and stolen object
detection by fusing simple algorithms"), applied here to the states of a region instead of to an event.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SAMPLES = 120
"""Frames that are looked at, at most, evenly spread; more only cost time."""
STATES = 3
"""States of a pixel beside the median's: things that stand in one place one after the other, and the scene."""
LEAST_SHARE = 0.04
"""A state is persistent if it lasts for this share of the frames without a break: what passes again and again does not."""
LEAST_FRAMES = 3
"""... and for this many of them."""
CENTRES = 3
"""The colour of every third frame is tried as a state's."""
CLOSE = 24
"""Grey levels by which the largest of the three channels may differ within a state."""
DARK = 8
"""Grey levels added before a frame's gain is measured: below, the camera's noise decides."""
SPREADS = 5.0
"""... or this many standard deviations of the pixel's noise, if that is more."""
AGREEMENT = 0.75
"""Neighbours belong to one region if they are in the state in the same frames, up to this overlap (IoU)."""
LEAST_AREA = 0.002
"""Regions below this share of the picture are left as they are."""
LAG = 3
"""Pixels across a region's contour between the two sides that are compared: its edge is blurred by about one on each side."""
STILLNESS = 1.5
"""The scene does not move: a state that varies this many times as much as the other one and the picture is a thing."""
MARGIN = 0.9
"""The rarer state is taken if its contrast along the contour is below this share of the other's."""

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


class EmptyScene(NamedTuple):
    """The scene, and where it is not the median."""

    image: NDArray[np.uint8]
    """``(H, W, 3)``."""
    ambiguous: float
    """Share of the pixels that have two persistent states, in [0, 1]."""
    replaced: float
    """Share of the pixels that show another state than the median, in [0, 1]."""


def empty_scene(frames: NDArray[np.uint8]) -> EmptyScene:
    """Estimates the scene that things stand in front of.

    Starts from the median of the frames. Wherever another state lasts, the pixels that are in it at the same times form a region,
    and the region shows the state whose contrast to its surroundings is lower. Without such regions the result is the median.
    What never leaves cannot be told from the scene.

    Args:
        frames: ``(N, H, W, 3)``, of a camera that does not move, in order.

    Returns:
        The scene and how far it is from the median.
    """
    sample = frames[:: -(-len(frames) // SAMPLES)].astype(np.float32)
    median = np.median(sample, 0)
    # light that changes: each frame is brought to the median's level by one gain for each channel
    sample /= np.median((sample + DARK) / (median + DARK), (1, 2), keepdims=True)
    image = np.median(sample, 0)
    close = np.maximum(CLOSE, SPREADS * _noise(sample))
    # where no state lasts for half of the time, the median of each channel can be one of none
    among = _distance(sample, image) <= close
    commonest = _commonest(sample, (among.mean(0) < 0.5) & np.ones_like(among), close)
    mixed = ~np.isnan(commonest[..., 0])
    image = np.where(mixed[..., None], commonest, image)
    unexplained = _distance(sample, image) > close
    ambiguous = replaced = np.zeros_like(mixed)
    usual = _unrest(sample)
    for _ in range(STATES):
        state = _commonest(sample, unexplained, close)
        inside = unexplained & (_distance(sample, state) <= close)
        regions = _regions(inside)
        if not regions:
            break
        for region in regions:
            other = _other_state(image, region, sample, inside, usual)
            if other is None:
                continue
            ambiguous, around = ambiguous | region, _grown(region)
            if _contrast(other, region, around) < MARGIN * _contrast(image, region, around):
                image, replaced = other, replaced | around
        unexplained &= ~inside
    shown = np.where((replaced | mixed)[..., None], image, median)
    return EmptyScene(np.clip(np.rint(shown), 0, 255).astype(np.uint8), float(ambiguous.mean()), float(replaced.mean()))


def _distance(sample: Floats, image: Floats) -> Floats:
    """The largest difference of the channels, ``(..., 3)`` to ``(...)``."""
    apart: Floats = np.abs(sample - image)
    return np.maximum(np.maximum(apart[..., 0], apart[..., 1]), apart[..., 2])


def _noise(sample: Floats) -> Floats:
    """Standard deviation of each pixel from frame to frame, ``(H, W)``: robust, so that changes of state do not count."""
    if len(sample) < 2:
        return np.zeros(sample.shape[1:3], np.float32)
    return np.asarray(1.4826 / 2**0.5 * np.median(_distance(sample[1:], sample[:-1]), 0), np.float32)


def _commonest(sample: Floats, among: Mask, close: Floats) -> Floats:
    """The colour around which most of the frames ``among`` lie at each pixel, ``(H, W, 3)``; NaN where they are too few."""
    result = np.full(sample.shape[1:], np.nan, np.float32)
    rows, columns = np.nonzero(among.sum(0) >= _lasting(len(sample)))
    if not len(rows):
        return result
    colours, valid, limit = sample[:, rows, columns], among[:, rows, columns], close[rows, columns]
    colours = np.where(valid[..., None], colours, np.nan)
    most = np.zeros(len(rows), np.int64)
    for centre in colours[::CENTRES]:
        near = _distance(colours, centre) <= limit  # NaN is near nothing
        count = near.sum(0)
        better = count > most
        most = np.where(better, count, most)
        chosen = np.where(near[:, better, None], colours[:, better], np.nan)
        if better.any():
            result[rows[better], columns[better]] = np.nanmean(chosen, 0)
    return result


def _regions(inside: Mask) -> list[Mask]:
    """Pixels that are in a persistent state at the same times, connected: each ``(H, W)``, the largest first."""
    count = inside.sum(0)
    lasting = count >= _lasting(len(inside))
    height, width = lasting.shape
    # a picture of twice the size, whose odd pixels say whether the neighbours on both sides belong together
    links = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)
    links[::2, ::2] = lasting
    for axis, place in ((0, np.s_[1::2, ::2]), (1, np.s_[::2, 1::2])):
        before, after = (np.take(inside, range(i, inside.shape[axis + 1] - 1 + i), axis + 1) for i in (0, 1))
        together, either = (before & after).sum(0), (before | after).sum(0)
        links[place] = together >= AGREEMENT * np.maximum(either, 1)
        ends = (np.take(lasting, range(i, lasting.shape[axis] - 1 + i), axis) for i in (0, 1))
        links[place] &= np.logical_and(*ends)
    number, everywhere = cv2.connectedComponents(links, connectivity=4)
    labels = everywhere[::2, ::2]
    areas = np.bincount(labels.ravel(), minlength=number)
    order = [label for label in np.argsort(-areas, kind="stable") if label and areas[label] >= LEAST_AREA * labels.size]
    return [labels == label for label in order]


def _other_state(image: Floats, region: Mask, sample: Floats, inside: Mask, usual: float) -> Floats | None:
    """The image with the region in its other state; None if that state does not last, or moves."""
    then = _mostly(inside[:, region])
    if _longest_run(then) < _lasting(len(sample)):
        return None
    now = _mostly(_distance(sample[:, region], image[region]) <= CLOSE)
    if _unrest(sample[then][:, region]) > STILLNESS * max(_unrest(sample[now][:, region]), usual):
        return None
    # from all frames of the state at once: also the rim and the holes, where the two states look alike
    other, around = image.copy(), _grown(region)
    other[around] = np.median(sample[then][:, around], 0)
    return other


def _mostly(inside: Mask) -> Mask:
    """The frames in which most of a region's pixels are inside: ``(N, pixels)`` to ``(N,)``."""
    return np.asarray(inside.mean(1) > 0.5)


def _lasting(frames: int) -> int:
    """Frames that make a state persistent."""
    return max(LEAST_FRAMES, round(LEAST_SHARE * frames))


def _longest_run(then: Mask) -> int:
    """The longest sequence of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], then, [False]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _unrest(colours: Floats) -> float:
    """Median distance of the frames from their own median, grey levels; at least 1, the rounding of the frames."""
    if not len(colours):
        return 1.0
    return max(float(np.median(_distance(colours, np.median(colours, 0)))), 1.0)


def _grown(region: Mask) -> Mask:
    """The region without its smallest gaps, and one pixel more on all sides."""
    closed = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.dilate(closed, np.ones((3, 3), np.uint8)), bool)


def _contrast(image: Floats, region: Mask, around: Mask) -> float:
    """Mean difference across the contour, grey levels: of pixels in the region and those ``LAG`` away that lie outside."""
    total, pairs = 0.0, 0
    for axis in (0, 1):
        for near, far in ((np.s_[:-LAG], np.s_[LAG:]), (np.s_[LAG:], np.s_[:-LAG])):
            one, two = ((near, np.s_[:]), (far, np.s_[:])) if axis == 0 else ((np.s_[:], near), (np.s_[:], far))
            across = region[one] & ~around[two]
            difference = np.abs(image[one] - image[two]).mean(-1)
            total, pairs = total + float(difference[across].sum()), pairs + int(across.sum())
    return total / max(pairs, 1)
