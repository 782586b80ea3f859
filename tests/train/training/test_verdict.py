"""What a run's curves say in words."""

import pytest

from drc_train.training.verdict import verdict

STEPS = range(100)


def curves(rise: list[float], share: float = 0.25) -> dict[str, list[tuple[int, float]]]:
    return {"log_posterior": list(enumerate(rise)), "foreground_share": [(step, share) for step in STEPS]}


def test_a_problem_comes_first() -> None:
    said = verdict(curves([0.0] * 100), "collapsed: every image has the same mask")
    assert said == "The masks cannot be used. Collapsed: every image has the same mask."


@pytest.mark.parametrize(
    ("rise", "words"),
    [
        ([float(step) for step in STEPS], "still rising"),
        ([min(step, 50.0) for step in STEPS], "only slowly"),
        ([float(-abs(step - 50)) for step in STEPS], "falls at the end"),
        ([0.0], "too short"),
        ([float("nan")] * 100, "too short"),
    ],
)
def test_the_log_posterior_says_whether_to_go_on(rise: list[float], words: str) -> None:
    assert words in verdict(curves(rise))


@pytest.mark.parametrize(("share", "words"), [(0.25, "25%"), (0.02, "is little"), (0.9, "changed places")])
def test_the_foreground_is_judged_by_its_size(share: float, words: str) -> None:
    assert words in verdict(curves([0.0] * 100, share))


def test_a_run_without_figures_says_so() -> None:
    assert verdict({}).startswith("There are no figures yet.")
