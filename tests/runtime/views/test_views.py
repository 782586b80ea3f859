"""Views: composed once for all outputs, with the current threshold, before an image or a video."""

import threading
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.errors import SourceError, UsageError
from drc_runtime.frames import Frame
from drc_runtime.inference.extraction import Extraction
from drc_runtime.views.compose import binary, overlay, rebalance
from drc_runtime.views.controls import VIEWS, Controls, Settings
from drc_runtime.views.views import SharedView, Views, view_names

IMAGE = np.full((48, 64, 3), 200, np.uint8)
PROBABILITY = np.zeros((48, 64), np.uint8)
PROBABILITY[:, :20], PROBABILITY[:, 20:40] = 255, 150


def frame(index: int = 0, seconds: float = 0.0) -> Frame:
    return Frame(IMAGE, index, seconds, f"{index:05d}")


EXTRACTION = Extraction(PROBABILITY, 0.0, 1)


def test_outputs_that_ask_for_the_same_frame_share_one_image() -> None:
    calls = []

    def compose(image: np.ndarray, probability: np.ndarray, seconds: float) -> np.ndarray:
        calls.append(seconds)
        return image.copy()

    view = SharedView(compose, Controls())
    first, second = frame(0, 1.5), frame(1, 2.5)
    made: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: made.append(view(first, EXTRACTION))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    view(second, EXTRACTION)
    assert view(first, EXTRACTION) is made[0]  # a slower output asks again
    assert all(it is made[0] for it in made) and calls == [1.5, 2.5]


def test_the_threshold_moves_the_edge_at_once() -> None:
    controls = Controls()
    with Views("mask", controls) as views:
        shown = frame()
        assert (views.started(shown, EXTRACTION)[0, ::15, 0] == [255, 255, 255, 0, 0]).all()
        controls.change(threshold=0.8)
        assert (views.started(shown, EXTRACTION)[0, ::15, 0] == [255, 255, 0, 0, 0]).all()


@pytest.mark.parametrize("threshold", [0.01, 0.3, 0.5, 0.77, 0.99])
def test_a_rebalanced_probability_of_one_half_is_the_threshold(threshold: float) -> None:
    every = np.arange(256, dtype=np.uint8)[None]
    shifted = rebalance(every, threshold)
    assert (np.diff(shifted.astype(int)) >= 0).all() and shifted[0, 0] == 0 and shifted[0, -1] == 255
    differing = binary(shifted, 0.5) != binary(every, threshold)
    assert differing.sum() <= 1  # rounding at the threshold itself


def test_what_is_shown_follows_the_controls_and_what_was_started_stays() -> None:
    controls = Controls(views=view_names("green"))
    with Views("green", controls) as views:
        shown = frame()
        np.testing.assert_array_equal(views.shown(shown, EXTRACTION), views.started(shown, EXTRACTION))
        assert tuple(views.started(shown, EXTRACTION)[0, 63]) == (0, 177, 64)
        controls.change(view="overlay")
        np.testing.assert_array_equal(views.shown(shown, EXTRACTION), overlay(IMAGE, PROBABILITY))
        assert tuple(views.started(shown, EXTRACTION)[0, 63]) == (0, 177, 64)
        for name in controls.views:
            controls.change(view=name)
            assert views.shown(shown, EXTRACTION).shape[0] == 48


def test_the_view_that_was_asked_for_comes_first_and_no_view_twice(tmp_path: Path, monkeypatch) -> None:
    assert view_names("overlay") == VIEWS
    assert view_names("#102030") == ("#102030", *VIEWS)
    (tmp_path / "beach.jpg").touch()
    assert view_names(str(tmp_path / "beach.jpg")) == ("beach.jpg", *VIEWS)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "blur").touch()  # the word stays the word
    assert view_names("blur")[0] == "blur"
    with Views("blur", Controls(views=view_names("blur"))) as views:
        assert views.started(frame(), EXTRACTION).shape == IMAGE.shape


def test_a_background_that_is_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither the path of an image or a video nor"):
        Views("nothing", Controls())
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(SourceError, match="not a video"):
        Views(str(tmp_path / "broken.mp4"), Controls())


def test_a_video_behind_the_foreground(make_video) -> None:
    controls = Controls(Settings(), view_names("x"))
    with Views(str(make_video("ramp.avi", rate=10)), controls) as views:
        late = views.started(frame(1, 0.45), EXTRACTION)
    assert (late[:, :20] == 200).all() and abs(int(late[0, 63, 0]) - 32) < 4
