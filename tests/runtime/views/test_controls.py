"""Settings change all or none, and only within their ranges."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drc_runtime.views.controls import MOST_STEPS, Controls, Settings

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(["steps", "threshold", "view", "paused"]), ANYTHING))
def test_whatever_is_sent_the_settings_stay_valid(values: dict[str, object]) -> None:
    controls = Controls()
    before = controls.settings
    try:
        controls.change(**values)
    except ValueError:
        assert controls.settings == before
    settings = controls.settings
    assert settings.steps is None or (type(settings.steps) is int and 1 <= settings.steps <= MOST_STEPS)
    assert 0 < settings.threshold < 1 and type(settings.paused) is bool
    assert controls.view in controls.views


def test_one_wrong_value_keeps_the_others_out() -> None:
    controls = Controls()
    with pytest.raises(ValueError, match="from 1 to 300"):
        controls.change(threshold=0.3, steps=301)
    with pytest.raises(ValueError, match="view must be one of: overlay, mask"):
        controls.change(threshold=0.3, view="nothing")
    with pytest.raises(TypeError):
        controls.change(threshold=0.3, speed=1)
    assert controls.settings == Settings()


def test_views_go_round() -> None:
    controls = Controls(views=("a", "b"))
    seen = [controls.view]
    for _ in range(3):
        controls.next_view()
        seen.append(controls.view)
    assert seen == ["a", "b", "a", "b"]


def test_changes_from_several_threads_do_not_undo_each_other() -> None:
    controls = Controls()

    def change(name: str, value: object) -> None:
        for _ in range(200):
            controls.change(**{name: value})

    changes = [("steps", 9), ("threshold", 0.2), ("view", "mask"), ("paused", True)]
    threads = [threading.Thread(target=change, args=it) for it in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert controls.settings == Settings(9, 0.2, "mask", True)
