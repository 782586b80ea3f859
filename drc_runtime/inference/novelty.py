"""Notices from the log-posterior that a chain does not explain its frame as well as it has explained the ones before."""

from collections import deque

import numpy as np

FRAMES = 50
"""The baseline is made of so many ordinary frames."""
FEWEST = 5
SPREADS = 8.0
"""Robust standard deviations (1.4826 times the median absolute deviation) below the median that are not ordinary."""
LEAST_SHARE = 0.05
"""Nor is a smaller fall than this share of the median ever called one: a still scene has hardly any spread."""


class Baseline:
    """The median of the latest ordinary frames' log-posterior, and how far they lie about it."""

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=FRAMES)

    def is_low(self, log_posterior: float) -> bool:
        """Whether this is out of the ordinary, on the worse side. Never before there is a baseline."""
        if len(self._values) < FEWEST:
            return False
        values = np.array(self._values)
        median = float(np.median(values))
        spread = 1.4826 * float(np.median(np.abs(values - median)))
        return log_posterior < median - max(SPREADS * spread, LEAST_SHARE * abs(median))

    def add(self, log_posterior: float) -> None:
        """Takes an ordinary frame in."""
        self._values.append(log_posterior)

    def forget(self) -> None:
        """Starts anew: the scene has another level now."""
        self._values.clear()
