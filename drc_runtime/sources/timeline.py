"""One clock for a file whose timestamps begin again: joined recordings, a camera whose clock was set."""

from fractions import Fraction
from typing import Any

BACKWARD_SECONDS = Fraction(1, 10)
"""A timestamp that goes back by more belongs to a new recording; by less, it is a rounding error of the writer."""
FORWARD_SECONDS = 10
"""The same for timestamps that jump ahead, in formats that allow it. FFmpeg uses this limit too."""


class Timeline:
    """Gives the shift that makes the timestamps of a file's packets continue where they begin again.

    All tracks get the same shift, so that sound and images of each recording stay in step. The result depends only on the
    packets, so two processes that read the same file agree.

    Args:
        jumps: whether the format allows jumps ahead, such as MPEG-TS. Elsewhere a long pause is a pause.
    """

    def __init__(self, *, jumps: bool) -> None:
        self._jumps = jumps
        self._shift = Fraction(0)
        self._due: dict[int, Fraction] = {}

    def shift(self, packet: Any) -> Fraction:
        """Seconds to add to the times of ``packet``. Each video and audio packet is given once, in the file's order."""
        if packet.dts is None:
            return self._shift
        track = packet.stream.index
        seconds = packet.dts * packet.time_base + self._shift
        due = self._due.get(track)
        if due is not None:
            gap = seconds - due
            if gap < -BACKWARD_SECONDS or (self._jumps and gap > FORWARD_SECONDS):
                self._shift -= gap
                seconds = due
        self._due[track] = seconds + (packet.duration or 0) * packet.time_base
        return self._shift


def shift_packet(packet: Any, seconds: Fraction) -> None:
    """Adds ``seconds`` to the timestamps of ``packet``."""
    ticks = round(seconds / packet.time_base)
    if ticks:
        packet.pts = None if packet.pts is None else packet.pts + ticks
        packet.dts = None if packet.dts is None else packet.dts + ticks
