"""The tables of the paper as rows."""

from collections.abc import Callable
from pathlib import Path

import pytest

from drc_train.config import preset_names
from drc_train.evaluation.ablation_plan import ROWS
from drc_train.evaluation.paper_tables import SETS, TABLES

Drc = Callable[..., tuple[int, str, str]]


def test_every_row_names_what_is_there() -> None:
    for rows in TABLES.values():
        assert len({row.title for row in rows}) == len(rows)
        for row in rows:
            name, _, part = row.measured.partition("/")
            assert name in SETS and (part in ("train", "test")) == name.endswith("-split")
            assert row.ablation in ROWS and row.learned in (None, *SETS)
    assert {about.preset for about in SETS.values()} <= set(preset_names())
    assert all(about.recipe for name, about in SETS.items() if not about.drawn)


def test_the_figures_agree_where_the_paper_repeats_them() -> None:
    figures = {(name, row.title): row.paper for name, rows in TABLES.items() for row in rows}
    assert figures["table1", "Birds"] == figures["table2", "Birds, full model"] == (56.4, 70.9)
    for name in ("Birds", "Dogs", "Cars"):
        assert figures["table3", f"{name}, test"] == figures["table4", f"{name} by the model of {name}"]
        assert figures["table3", f"GrabCut on {name}, test"] == figures["table4", f"GrabCut on {name}, test"]
    assert [len(rows) for rows in TABLES.values()] == [10, 7, 12, 12]
    assert all(paper is None or 0 < paper.iou < paper.dice < 100 for paper in figures.values())


@pytest.mark.parametrize("protocol", ["paper", "released"])
@pytest.mark.parametrize("name", [name for name, about in SETS.items() if about.recipe])
def test_a_recipe_is_a_command_that_converts(drc: Drc, tmp_path: Path, name: str, protocol: str) -> None:
    """With a download that is not there: what is refused is the download, and no option."""
    (tmp_path / "masks").mkdir()
    words = SETS[name].recipe.replace("PROTOCOL", protocol).split()
    places = {"DOWNLOAD": tmp_path / "nothing", f"DIR/{name}": tmp_path / "out", "MASKS": tmp_path / "masks"}
    code, _, err = drc(*(str(places.get(word, word)) for word in words[1:]))
    assert code == 1 and str(tmp_path / "nothing") in err, err
