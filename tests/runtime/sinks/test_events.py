"""What enters, stands, moves on and leaves, as lines of JSON."""

import json
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.errors import UsageError
from drc_runtime.frames import Frame
from drc_runtime.inference.extraction import Extraction
from drc_runtime.sinks.events import EventSink
from drc_runtime.sinks.log import RunLog
from tests.flat_run import run_with

RATE = 10


class Played:
    """Masks at ``RATE`` frames a second."""

    def __init__(self, path: Path) -> None:
        self.path, self.log, self.index = path, RunLog(path), 0
        self.sink = EventSink(self.log)

    def show(self, seconds: float, *places: tuple[int, int]) -> None:
        for _ in range(round(seconds * RATE)):
            mask = np.zeros((120, 160), np.uint8)
            for x, y in places:
                mask[y : y + 20, x : x + 20] = 255
            frame = Frame(np.zeros((120, 160, 3), np.uint8), self.index, self.index / RATE, "")
            self.sink.write(frame, Extraction(mask, 0.0, 1))
            self.index += 1

    def events(self) -> list[tuple[str, int]]:
        return [(line["event"], line["thing"]) for line in self.lines()]

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@pytest.fixture
def played(tmp_path: Path) -> Played:
    return Played(tmp_path / "events.jsonl")


def test_a_visit_is_told_from_its_beginning_to_its_end(played: Played) -> None:
    for x in range(0, 60, 6):
        played.show(0.1, (x, 40))
    played.show(4, (60, 40))
    for x in range(60, 130, 6):
        played.show(0.1, (x, 40))
    played.show(2)
    assert played.events() == [("enters", 1), ("stands", 1), ("moves", 1), ("leaves", 1)]
    enters, stands, moves, leaves = played.lines()
    assert enters["seconds"] == pytest.approx(0.4, abs=0.11) and enters["share"] == pytest.approx(400 / 19200, abs=1e-4)
    assert stands["box"] == [60, 40, 20, 20] and stands["seconds"] == pytest.approx(4, abs=0.3)
    assert moves["seconds"] > stands["seconds"] and leaves["seconds"] - moves["seconds"] > 1
    assert leaves["present"] == pytest.approx(leaves["seconds"] - 1, abs=0.3)
    assert set(enters) == {"time", "seconds", "thing", "event", "box", "share", "present"}


def test_what_flashes_up_is_no_event_and_a_gap_is_no_departure(played: Played) -> None:
    played.show(0.2, (10, 10))
    played.show(2)
    assert played.events() == []
    played.show(1, (10, 10))
    played.show(0.5)
    played.show(1, (12, 10))
    assert played.events() == [("enters", 2)]


def test_two_things_keep_their_numbers(played: Played) -> None:
    for step in range(20):
        played.show(0.1, (step * 4, 20), (130 - step * 4, 80))
    played.show(2, (76, 20))
    assert sorted(played.events()) == [("enters", 1), ("enters", 2), ("leaves", 2)]


def test_the_end_of_the_run_ends_the_visits(played: Played) -> None:
    played.show(1, (10, 10))
    played.sink.close()
    assert played.events() == [("enters", 1), ("leaves", 1)]


def test_a_run_appends_events_and_images_have_none(make_video, toy_bundle: Path, tmp_path: Path, save, image) -> None:
    path = tmp_path / "events.jsonl"
    for _ in range(2):
        run_with(make_video("a.avi", frames=20), bundle=toy_bundle, events=path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["event"] for line in lines[: len(lines) // 2]] == [line["event"] for line in lines[len(lines) // 2 :]]
    with pytest.raises(UsageError, match="--events are of a camera"):
        run_with(save(tmp_path / "a.png", image), bundle=toy_bundle, masks=tmp_path / "m", events=path)
    (tmp_path / "mine.txt").write_text("mine\n")
    with pytest.raises(UsageError, match="is not a log of drc"):
        run_with(make_video("b.avi"), bundle=toy_bundle, events=tmp_path / "mine.txt")
    with pytest.raises(UsageError, match="name two files"):
        run_with(make_video("b.avi"), bundle=toy_bundle, events=path, log=path)
