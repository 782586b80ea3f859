"""What an ablation learns, and how a resumed one differs from what it was."""

import json
from pathlib import Path

import pytest

from drc_runtime.errors import TrainingError, UsageError
from drc_train.evaluation.ablation_plan import MINUTES, ROWS, AblationOptions, Plan, new_plan, resumed_plan


def test_the_defaults(tmp_path: Path) -> None:
    assert new_plan("data", tmp_path, AblationOptions()) == Plan("data", tuple(ROWS), (0,), None, (), None, MINUTES)
    assert new_plan("data", tmp_path, AblationOptions(iterations=9)).minutes is None


def test_rows_have_the_order_of_table_2(tmp_path: Path) -> None:
    assert new_plan("data", tmp_path, AblationOptions(["full", "amortised"])).names == ("amortised", "full")


def test_a_plan_comes_back_with_what_is_added(tmp_path: Path) -> None:
    plan = new_plan("data", tmp_path, AblationOptions(["full"], [0], "edge-32", ["train.mirror=true"], 5))
    plan.save(tmp_path)
    assert resumed_plan("data", tmp_path, AblationOptions()) == plan
    further = resumed_plan("data", tmp_path, AblationOptions(["short-run"], [2, 0], minutes=3.0))
    assert further == Plan("data", ("short-run", "full"), (0, 2), "edge-32", ("train.mirror=true",), None, 3.0)


def test_plans_of_earlier_versions_are_read(tmp_path: Path) -> None:
    kept = {"source": "data", "names": ["full"], "seeds": [1], "preset": None, "overrides": [], "iterations": 3}
    (tmp_path / "plan.json").write_text(json.dumps({**kept, "minutes": None}))
    assert resumed_plan("data", tmp_path, AblationOptions()).seeds == (1,)


def test_what_cannot_be_planned(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no ablation 'nothing': choose all, or from amortised"):
        new_plan("data", tmp_path, AblationOptions(["nothing"]))
    with pytest.raises(TrainingError, match="holds no ablation"):
        resumed_plan("data", tmp_path, AblationOptions())
    (tmp_path / "plan.json").write_text("[]")
    with pytest.raises(TrainingError, match="damaged"):
        resumed_plan("data", tmp_path, AblationOptions())
    new_plan("data", tmp_path / "other", AblationOptions()).save(tmp_path)
    with pytest.raises(UsageError, match="continue it with --resume"):
        new_plan("data", tmp_path, AblationOptions())


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("elsewhere", AblationOptions()),
        ("data", AblationOptions(preset="edge-32")),
        ("data", AblationOptions(overrides=["train.mirror=true"])),
    ],
)
def test_a_resumed_ablation_keeps_its_settings(tmp_path: Path, source: str, options: AblationOptions) -> None:
    new_plan("data", tmp_path, AblationOptions()).save(tmp_path)
    with pytest.raises(UsageError, match="leave --preset and --set out"):
        resumed_plan(source, tmp_path, options)
