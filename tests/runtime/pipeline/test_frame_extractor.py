"""How a frame is extracted: tracked or from noise, with how many steps, and what a frame that fails costs."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from drc_runtime.camera.adaptation import Adaptation
from drc_runtime.errors import EngineError
from drc_runtime.frames import Frame, Source
from drc_runtime.inference.calibration import Calibration
from drc_runtime.pipeline.failures import FAILURES_KEPT, MOST_FAILURES_IN_A_ROW
from drc_runtime.pipeline.frame_extractor import FrameExtractor
from drc_runtime.views.controls import Controls


class Described(Source):
    """A source of which only the description counts."""

    def __init__(self, rate: int | None = 25, *, live: bool = False, count: int | None = None) -> None:
        self.rate = None if rate is None else Fraction(rate)
        self.live, self.count = live, count
        self.paths: frozenset[Path] = frozenset()
        self.failures: list[str] = []
        self.dropped = 0

    def close(self) -> None:
        pass


class Scripted:
    """An Extractor that notes what it is asked for and fails where it is told to."""

    def __init__(self, failing: set[int] | None = None, *, failing_calls: set[int] | None = None) -> None:
        self.failing, self.failing_calls = failing or set(), failing_calls or set()
        self.calls = 0
        self.asked: list[object] = []
        self.indices: list[int | None] = []
        self.manifest = SimpleNamespace(
            sampler=SimpleNamespace(track_steps=2), training={}, image_size=(1, 1), name="scripted"
        )

    def extract(self, image: np.ndarray, *, steps: int | None, index: int | None = None) -> str:
        self.calls += 1
        self.indices.append(index)
        if int(image[0, 0, 0]) in self.failing or self.calls in self.failing_calls:
            raise EngineError("not finite")
        self.asked.append(("extract", steps))
        return f"extraction {image[0, 0, 0]}"

    def trial(self, image: np.ndarray, steps: int) -> str:
        return self.extract(image, steps=steps)

    def track(self, *, steps: int | None, budget: int | None = None, adaptation: Adaptation) -> SimpleNamespace:
        self.asked.append(("track", steps, budget))
        track = SimpleNamespace(steps=steps or 2, take_notices=list)
        track.step = lambda image, seconds: (self.extract(image, steps=track.steps), track.steps)[1]
        return track


def frame(index: int) -> Frame:
    return Frame(np.full((1, 1, 3), index % 256, np.uint8), index, 0.0, f"{index:05d}")


def test_still_images_each_start_from_noise() -> None:
    extractor = Scripted()
    extract = FrameExtractor(extractor, Described(None, count=2), Controls(), steps=3).extract
    assert [extract(frame(index)) for index in range(2)] == ["extraction 0", "extraction 1"]
    assert extractor.asked == [("extract", 3)] * 2


def test_an_image_has_the_noise_of_its_place_in_the_source() -> None:
    extractor, source = Scripted(), Described(None, count=9)
    extract = FrameExtractor(extractor, source, Controls()).extract
    for index in (2, 3, 7):
        extract(frame(index))
    assert extractor.indices == [2, 3, 7]


def test_a_video_is_one_track_without_a_limit() -> None:
    extractor = Scripted()
    extract = FrameExtractor(extractor, Described(), Controls()).extract
    for index in range(3):
        extract(frame(index))
    assert [it for it in extractor.asked if it[0] == "track"] == [("track", None, None)]


def test_settings_act_on_the_next_frame_and_can_be_taken_back() -> None:
    controls = Controls()
    extract = FrameExtractor(Scripted(), Described(), controls, steps=4).extract
    taken = [extract(frame(0))]
    for steps in (7, None):
        controls.change(steps=steps)
        taken.append(extract(frame(1)))
    assert taken == [4, 7, 4]


@pytest.mark.parametrize(
    ("rate", "source", "told"),
    [
        (None, Described(25, live=True), "2 steps a frame, of {} that fit 25 frames/s"),
        (0.5, Described(25, live=True), "2 steps a frame, of {} that fit 0.5 frames/s"),
        (0.5, Described(25), "2 steps a frame, of {} that fit 0.5 frames/s"),
    ],
    ids=["a camera's own", "another one for a camera", "one for a file"],
)
def test_steps_are_chosen_for_a_rate(rate: float | None, source: Source, told: str) -> None:
    extractor, lines = Scripted(), []
    FrameExtractor(extractor, source, Controls(), rate=rate, notice=lines.append).extract(frame(0))
    kind, steps, budget = next(it for it in extractor.asked if it[0] == "track")
    assert (kind, steps) == ("track", 2) and budget >= 2
    assert lines == [told.format(budget) + " on this machine"]


def test_given_steps_hold_even_if_they_do_not_fit() -> None:
    extractor = Scripted()
    FrameExtractor(extractor, Described(1000, live=True), Controls(), steps=10**9).extract(frame(0))
    assert ("track", 10**9, 10**9) in extractor.asked


def test_a_frame_on_which_calibration_fails_is_left_out_and_the_next_one_is_measured() -> None:
    extractor = Scripted({0, 1})
    frames = FrameExtractor(extractor, Described(25, live=True), Controls())
    assert [frames.extract(frame(index)) for index in range(4)] == [None, None, 2, 2]
    assert len([it for it in extractor.asked if it[0] == "track"]) == 1
    assert frames.failures == ["00000: not finite", "00001: not finite"]


@pytest.mark.parametrize("source", [Described(25, live=True), Described(None, count=9)], ids=["live", "folder"])
def test_single_failures_are_listed_and_the_rest_goes_on(source: Source) -> None:
    frames = FrameExtractor(Scripted({1, 3, 4}), source, Controls())
    done = [frames.extract(frame(index)) is not None for index in range(6)]
    assert done == [True, False, True, False, False, True]
    assert frames.failures == [f"{index:05d}: not finite" for index in (1, 3, 4)]


@pytest.mark.parametrize("source", [Described(25), Described(None, count=1)], ids=["video", "one image"])
def test_a_failure_ends_what_has_nothing_to_go_on_with(source: Source) -> None:
    with pytest.raises(EngineError):
        FrameExtractor(Scripted({0}), source, Controls()).extract(frame(0))


def test_failures_in_a_row_end_the_run() -> None:
    frames = FrameExtractor(Scripted(set(range(256)) - {5}), Described(None, count=999), Controls())
    indices = [*range(MOST_FAILURES_IN_A_ROW - 1)]
    indices[5] = 6
    assert all(frames.extract(frame(index)) is None for index in indices)
    assert frames.extract(frame(5)) is not None, "a frame that works ends the row"
    for _ in range(MOST_FAILURES_IN_A_ROW - 1):
        assert frames.extract(frame(9)) is None
    with pytest.raises(EngineError):
        frames.extract(frame(9))


def test_the_list_of_failures_ends_somewhere() -> None:
    frames = FrameExtractor(Scripted({0}), Described(None, count=10**6), Controls())
    for index in range(1000):
        frames.extract(frame(index % 2))
    assert len(frames.failures) == FAILURES_KEPT


def arriving(rate: float, count: int, *, taken: int = 1, first: int = 0) -> list[Frame]:
    """The frames that a run takes of a live source with ``rate`` frames a second: every ``taken``-th, the others are dropped."""
    image = np.zeros((1, 1, 3), np.uint8)
    return [Frame(image, index, 0.0, f"{index}", 100 + index / rate) for index in range(first, first + count, taken)]


@pytest.fixture
def ten_milliseconds_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "drc_runtime.pipeline.frame_extractor.calibrate", lambda extractor, image, rate: Calibration.of(10, 0, rate, 4)
    )


@pytest.mark.usefixtures("ten_milliseconds_a_step")
@pytest.mark.parametrize("taken", [1, 3])
def test_a_stream_of_another_rate_than_stated_is_planned_with_its_own(taken: int) -> None:
    """A stream that states no rate is said to have 25 frames/s."""
    lines: list[str] = []
    extractor = Scripted()
    extractor.manifest.sampler.track_steps = 4
    frames = FrameExtractor(extractor, Described(25, live=True), Controls(), notice=lines.append)
    steps = [frames.extract(it) for it in arriving(8, 90, taken=taken)]
    assert (steps[0], steps[-1]) == (2, 4) and frames._track is not None and frames._track.budget == 7
    assert [line.removesuffix(" on this machine") for line in lines] == [
        "2 steps a frame, of 2 that fit 25 frames/s",
        "4 steps a frame, of 7 that fit 8 frames/s",
    ]


@pytest.mark.usefixtures("ten_milliseconds_a_step")
@pytest.mark.parametrize(
    ("rate", "options"), [(24, {}), (10, {"rate": 25.0})], ids=["as stated", "the user has said for which rate"]
)
def test_steps_are_not_planned_again_without_a_reason(rate: float, options: dict[str, float]) -> None:
    lines: list[str] = []
    frames = FrameExtractor(Scripted(), Described(25, live=True), Controls(), notice=lines.append, **options)
    for it in arriving(rate, 200):
        frames.extract(it)
    assert len(lines) == 1


@pytest.mark.usefixtures("ten_milliseconds_a_step")
def test_the_time_without_a_source_is_not_measured() -> None:
    lines: list[str] = []
    source = Described(25, live=True)
    frames = FrameExtractor(Scripted(), source, Controls(), notice=lines.append)
    for it in arriving(25, 70):
        frames.extract(it)
    source.reconnects = 1
    image = np.zeros((1, 1, 3), np.uint8)
    for index in range(70, 200):
        frames.extract(Frame(image, index, 0.0, "", 160 + index / 25))
    assert len(lines) == 1


def test_what_happened_to_the_camera_is_told() -> None:
    extractor, told = Scripted(), []
    waiting = [["the camera has moved"], []]
    original = extractor.track
    extractor.track = lambda **options: SimpleNamespace(  # type: ignore[method-assign]
        **vars(original(**options)) | {"take_notices": lambda: waiting.pop(0)}
    )
    extract = FrameExtractor(extractor, Described(25, count=2), Controls(), notice=told.append).extract
    for index in range(2):
        extract(frame(index))
    assert told == ["the camera has moved"]
