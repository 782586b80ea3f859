"""What a run's curves say, in words: for a person who has not read the paper."""

from collections.abc import Mapping, Sequence

import numpy as np

Curves = Mapping[str, Sequence[tuple[int, float]]]
"""Iteration and value of each figure."""

PART = 5
"""The last fifth of a run is compared with the fifth before it."""
LEVEL = 0.02
"""A change below this part of the whole rise counts as none."""


def verdict(curves: Curves, problem: str | None = None) -> str:
    """A paragraph: whether the masks are usable, and whether more training is likely to help.

    Args:
        curves: of the run, by the names of ``Learner.step``.
        problem: what is wrong with the masks, see ``drc_train.training.collapse``; None if nothing is.
    """
    if problem:
        return f"The masks cannot be used. {problem[:1].upper()}{problem[1:]}."
    sentences = [_masks(_values(curves, "foreground_share")), _progress(_values(curves, "log_posterior"))]
    return " ".join(sentence for sentence in sentences if sentence)


def _values(curves: Curves, name: str) -> list[float]:
    return [value for _, value in curves.get(name, ()) if np.isfinite(value)]


def _masks(shares: list[float]) -> str:
    if not shares:
        return "There are no figures yet."
    share = float(np.mean(shares[-max(len(shares) // PART, 1) :]))
    found = f"The foreground takes {share:.0%} of an image on average, and no collapse was found"
    if share < 0.03:
        return f"{found}, but that is little: look at the masks in the images below."
    if share > 0.7:
        return (
            f"{found}, but that is much: foreground and background may have changed places; look at the images below."
        )
    return f"{found}."


def _progress(values: list[float]) -> str:
    part = len(values) // PART
    if part < 2:
        return "The run is too short to tell whether it still improves."
    before, now = float(np.mean(values[-2 * part : -part])), float(np.mean(values[-part:]))
    change = (now - before) / (max(values) - min(values) or 1.0)
    if change > LEVEL:
        return "The log-posterior is still rising: more training is likely to help."
    if change < -LEVEL:
        return "The log-posterior falls at the end: the best checkpoint may be better than the last."
    return "The log-posterior rises only slowly now: more training is likely to change little."
