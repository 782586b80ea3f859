"""Normal noise from a counter-based generator, the same in every language; docs/noise.md is the specification."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drc_runtime.errors import UsageError

Words = NDArray[np.uint64]

_MULTIPLIERS: Final = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_INCREMENTS: Final = (0x9E3779B9, 0xBB67AE85)
_ROUNDS: Final = 10
_LOW: Final = np.uint64(0xFFFF_FFFF)
_HALF: Final = np.uint64(32)


def philox4x32(counter: Words, key: tuple[int, int]) -> Words:
    """Philox4x32-10 (Salmon et al., 2011): ``counter (N, 4)``, 32-bit words in uint64, to ``(N, 4)`` words of output."""
    # in 64 bits, because the rounds need the full products of two 32-bit words
    c0, c1, c2, c3 = (counter[:, word] for word in range(4))
    k0, k1 = key
    for _ in range(_ROUNDS):
        p, q = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (q >> _HALF) ^ c1 ^ np.uint64(k0), q & _LOW, (p >> _HALF) ^ c3 ^ np.uint64(k1), p & _LOW
        k0, k1 = (k0 + _KEY_INCREMENTS[0]) & 0xFFFF_FFFF, (k1 + _KEY_INCREMENTS[1]) & 0xFFFF_FFFF
    return np.stack([c0, c1, c2, c3], axis=1)


class NormalNoise:
    """A sequence of draws from N(0, I) that depends only on the seed."""

    def __init__(self, seed: int) -> None:
        """Starts the sequence.

        Args:
            seed: from 0 to 2^64 - 1.

        Raises:
            UsageError: the seed is out of range.
        """
        if not 0 <= seed < 1 << 64:
            raise UsageError(f"the seed {seed} is not a whole number from 0 to 2^64 - 1")
        self._key = (seed & 0xFFFF_FFFF, seed >> 32)
        self._draw = 0

    def seek(self, draw: int) -> None:
        """Makes ``draw``, counted from 0, the next one."""
        self._draw = draw

    def draw(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The next draw: float32 of ``shape``."""
        count = math.prod(shape)
        counter = np.empty((-(-count // 4), 4), np.uint64)
        block = np.arange(len(counter), dtype=np.uint64)
        counter[:, 0], counter[:, 1] = block & _LOW, block >> _HALF
        counter[:, 2], counter[:, 3] = self._draw & 0xFFFF_FFFF, self._draw >> 32
        self._draw += 1
        pairs = philox4x32(counter, self._key).reshape(-1, 2).astype(np.float64)
        radius = np.sqrt(-2 * np.log((pairs[:, 0] + 1) * 2.0**-32))
        angle = 2 * math.pi * (pairs[:, 1] * 2.0**-32)
        normal = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return normal.reshape(-1)[:count].reshape(shape).astype(np.float32)
