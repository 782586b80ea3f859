"""``--events``: one line of JSON when something enters, stands still, moves on or leaves."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drc_runtime.frames import Frame, Sink
from drc_runtime.sinks.log import RunLog
from drc_runtime.views.boxes import Box, find_boxes

if TYPE_CHECKING:
    from drc_runtime.inference.extraction import Extraction

ENTERS_AFTER = 0.4
"""Seconds: what is seen for less is no event."""
LEAVES_AFTER = 1.0
"""Seconds without it."""
STANDS_AFTER = 3.0
"""Seconds in the same place."""
STILL = 0.1
"""Of the box's longer side: a thing whose centre stays that near stands still."""
OVERLAP = 0.1
"""Intersection over union: two boxes of one thing in successive frames overlap at least so much."""


@dataclass
class _Thing:
    number: int
    box: Box
    first: float
    last: float
    place: tuple[float, float]
    """The centre where it has stood since ``since``."""
    since: float
    entered: bool = False
    stands: bool = False


class EventSink(Sink):
    """Follows the things in the masks from frame to frame and writes what happens to them.

    A line has ``time`` (seconds since 1970), ``seconds`` (of the source), ``thing`` (a number, the same from ``enters`` to
    ``leaves``), ``event`` (``enters``, ``stands``, ``moves``, ``leaves``), ``box`` (x, y, width, height in pixels), ``share`` (of
    the image) and ``present`` (seconds since it was first seen).

    Args:
        events: gets the lines; is closed by its owner.
    """

    def __init__(self, events: RunLog) -> None:
        self._events = events
        self._things: list[_Thing] = []
        self._count = 0

    def write(self, frame: Frame, extraction: "Extraction") -> None:
        now = frame.seconds
        boxes = find_boxes(extraction.mask)
        for thing, box in self._pair(boxes):
            boxes.remove(box)
            self._see(thing, box, now)
        for box in boxes:
            self._count += 1
            self._things.append(_Thing(self._count, box, now, now, _centre(box), now))
        for thing in [thing for thing in self._things if now - thing.last >= LEAVES_AFTER]:
            self._things.remove(thing)
            if thing.entered:
                self._tell("leaves", thing, now)

    def close(self) -> None:
        for thing in self._things:
            if thing.entered:
                self._tell("leaves", thing, thing.last)
        self._things.clear()

    def discard(self) -> None:
        self.close()

    def _pair(self, boxes: list[Box]) -> list[tuple[_Thing, Box]]:
        """Things and their boxes in this frame, the best overlap first."""
        candidates = [
            (_overlap(thing.box, box), number, place)
            for number, thing in enumerate(self._things)
            for place, box in enumerate(boxes)
        ]
        pairs: dict[int, int] = {}
        for overlap, number, place in sorted(candidates, reverse=True):
            if overlap >= OVERLAP and number not in pairs and place not in pairs.values():
                pairs[number] = place
        return [(self._things[number], boxes[place]) for number, place in pairs.items()]

    def _see(self, thing: _Thing, box: Box, now: float) -> None:
        thing.box, thing.last = box, now
        if not thing.entered and now - thing.first >= ENTERS_AFTER:
            thing.entered = True
            self._tell("enters", thing, now)
        (x, y), (placed_x, placed_y) = _centre(box), thing.place
        if max(abs(x - placed_x), abs(y - placed_y)) > STILL * max(box.width, box.height):
            thing.place, thing.since = (x, y), now
            if thing.stands:
                thing.stands = False
                self._tell("moves", thing, now)
        elif thing.entered and not thing.stands and now - thing.since >= STANDS_AFTER:
            thing.stands = True
            self._tell("stands", thing, now)

    def _tell(self, event: str, thing: _Thing, now: float) -> None:
        box = thing.box
        self._events.write(
            {
                "seconds": round(now, 3),
                "thing": thing.number,
                "event": event,
                "box": list(box[:4]),
                "share": round(box.share, 5),
                "present": round(thing.last - thing.first, 3),
            }
        )


def _centre(box: Box) -> tuple[float, float]:
    return box.x + box.width / 2, box.y + box.height / 2


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    if width <= 0 or height <= 0:
        return 0.0
    inner = width * height
    return inner / (one.width * one.height + other.width * other.height - inner)
