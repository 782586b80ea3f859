"""How long to wait before a lost source is tried again."""

import random

FIRST_SECONDS, LONGEST_SECONDS = 0.5, 30.0
JITTER = 0.25  # of the wait: many cameras that came back together are not asked again together


class Backoff:
    """Waits of 0.5, 1, 2, ... 30 seconds, each up to a quarter longer or shorter, but never under 0.5 or over 30."""

    def __init__(self) -> None:
        self._seconds = FIRST_SECONDS

    def next(self) -> float:
        """The seconds to wait this time; the next wait is twice as long."""
        wait = self._seconds * random.uniform(1 - JITTER, 1 + JITTER)
        self._seconds = min(2 * self._seconds, LONGEST_SECONDS)
        return min(max(wait, FIRST_SECONDS), LONGEST_SECONDS)

    def reset(self) -> None:
        """The source is well again."""
        self._seconds = FIRST_SECONDS
