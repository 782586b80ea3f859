"""Exponential backoff between attempts to reconnect a live source."""

import random

FIRST_SECONDS, LONGEST_SECONDS = 0.5, 30.0
JITTER = 0.25  # of the wait: so that many clients of one camera do not reconnect at the same moment


class Backoff:
    """Waits of 0.5, 1, 2, ... 30 seconds, each randomly up to 25 % longer or shorter, within 0.5 to 30."""

    def __init__(self) -> None:
        self._seconds = FIRST_SECONDS

    def next(self) -> float:
        """Returns the seconds to wait now and doubles the next wait."""
        wait = self._seconds * random.uniform(1 - JITTER, 1 + JITTER)
        self._seconds = min(2 * self._seconds, LONGEST_SECONDS)
        return min(max(wait, FIRST_SECONDS), LONGEST_SECONDS)

    def reset(self) -> None:
        """Starts again with the shortest wait."""
        self._seconds = FIRST_SECONDS
