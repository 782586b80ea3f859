"""``drc ablate``: learns the paper's Table 2, each component removed in turn, and writes the table."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from drc_runtime.atomic import atomic_write
from drc_runtime.errors import TrainingError, UsageError
from drc_runtime.machine import machine_name
from drc_runtime.outputs import check_place, claim_folder, visible
from drc_train.data.source import is_sequence
from drc_train.evaluation.ablation_plan import PLAN_FILE, ROWS, AblationOptions, Plan, new_plan, resumed_plan
from drc_train.evaluation.evaluate import evaluate
from drc_train.evaluation.options import EvaluationOptions
from drc_train.evaluation.outputs import is_table
from drc_train.evaluation.subject import subject_of
from drc_train.evaluation.tables import Cell, markdown, mean_cells, with_splits
from drc_train.training.checkpoint import load_chains, load_model, read_state
from drc_train.training.collapse import collapse
from drc_train.training.to_the_end import learn_to_the_end
from drc_train.training.train import Recipe

TABLES = ("table.md", "table.json")
MEASURED_FILE = "measured.json"
CHECKED_CHAINS = 96
"""Chains whose masks are checked for a collapse; more would not change the answer."""


@dataclass
class AblationReport:
    """The results of an ablation so far."""

    out: Path
    plan: Plan
    cells: list[Cell] = field(default_factory=list)
    """One for each row, reading and set; means over the seeds."""
    collapsed: dict[str, str] = field(default_factory=dict)
    """Runs whose masks collapsed, and how."""
    failures: dict[str, str] = field(default_factory=dict)
    """Runs that failed, and why."""
    interrupted: bool = False

    def to_json(self) -> dict[str, Any]:
        """The machine, the plan and the results, as ``table.json`` has them."""
        values: dict[str, Any] = {"machine": machine_name(), **asdict(self.plan)}
        values |= {"cells": [asdict(cell) for cell in self.cells]}
        return values | {"collapsed": self.collapsed, "failures": self.failures}

    def write(self) -> None:
        """Writes ``table.md`` and ``table.json``.

        Raises:
            OutputError: the disk refuses.
        """
        notes = [f"{name}: {problem}" for name, problem in (*self.collapsed.items(), *self.failures.items())]
        lines = [markdown(self.cells), *(f"\n{note}\n" for note in notes)]
        atomic_write(self.out / "table.md", "".join(lines).encode())
        atomic_write(self.out / "table.json", (json.dumps(self.to_json(), indent=1) + "\n").encode())


def ablate(
    source: str,
    out: Path,
    options: AblationOptions | None = None,
    *,
    resume: bool = False,
    console: Console | None = None,
) -> AblationReport:
    """Learns the full model and each ablation on the same images, measures them and writes ``table.md`` and ``table.json``.

    Each run is a folder ``ROW-SEED`` in ``out``, as ``drc train`` leaves it. The table is rewritten after each run. A run that
    fails does not stop the others.

    Args:
        source: as for ``drc_train.training.train.train``. A folder is measured against its masks: the training chains' on
            the images that were learned from (those of ``train``, where it has splits), and from noise on ``test``, or on
            the same images where it has no splits. Synthetic sets are measured from noise on images that training never sees.
        out: the ablation's folder.
        options: what is learned; None takes the defaults.
        resume: continue the ablation in ``out``. Rows and seeds of ``options`` are added to it, iterations and minutes replace
            its own.
        console: where progress is printed; None is stderr.

    Raises:
        UsageError: a row is unknown, or ``out`` holds an ablation and ``resume`` is False.
        ConfigError, SourceError, TrainingError, OutputError: as for ``train`` and ``evaluate``.
    """
    console = console or Console(stderr=True)
    plan = (resumed_plan if resume else new_plan)(source, out, options or AblationOptions())
    runs = [(name, seed) for seed in plan.seeds for name in plan.names]
    check_place("--out", out)
    if out.exists() and Path(source).exists() and out.samefile(source):
        raise UsageError(f"--out {out} is what the runs learn from; choose another folder")
    if not resume:
        _check_new(out, [f"{name}-{seed}" for name, seed in runs])
    with claim_folder("--out", out, overwrite=True, is_own=_is_own):
        return _learn_all(plan, out, runs, console)


def _check_new(out: Path, runs: Sequence[str]) -> None:
    """Refuses a folder in which a new ablation would replace something."""
    taken = [name for name in visible(out) if name in (PLAN_FILE, *TABLES, *runs)]
    if taken:
        raise UsageError(f"{out} holds {taken[0]}, which an ablation would replace; give another --out")


def _is_own(path: Path) -> bool:
    """Whether a file is one of an ablation that is resumed, by its content."""
    if path.name == "table.md":
        return is_table(path)
    try:
        return {"names", "seeds"} <= json.loads(path.read_text()).keys() or path.name == MEASURED_FILE
    except (ValueError, AttributeError):
        return path.name == MEASURED_FILE  # damaged: it is measured again


def _learn_all(plan: Plan, out: Path, runs: Sequence[tuple[str, int]], console: Console) -> AblationReport:
    plan.save(out)
    report = AblationReport(out, plan)
    measured: dict[str, list[list[Cell]]] = {}
    for number, (name, seed) in enumerate(runs, start=1):
        folder = out / f"{name}-{seed}"
        console.print(f"[{number}/{len(runs)}] {ROWS[name].title}, seed {seed}", highlight=False, markup=False)
        try:
            report.interrupted = not _learn(plan, name, seed, folder, console)
            if report.interrupted:
                break
            cells, problem = _measure(plan, name, folder)
        except TrainingError as error:
            report.failures[folder.name] = str(error)
        else:
            if problem:
                report.collapsed[folder.name] = problem
            measured.setdefault(name, []).append(cells)
        report.cells = [cell for row in plan.names for cell in mean_cells(measured.get(row, []))]
        report.write()
    return report


def _learn(plan: Plan, name: str, seed: int, folder: Path, console: Console) -> bool:
    """Learns one run to its end; False if it was interrupted."""
    recipe = Recipe(plan.preset, (*plan.overrides, *ROWS[name].overrides, f"train.seed={seed}"))
    source = with_splits(plan.source)[0]
    return learn_to_the_end(source, folder, recipe, iterations=plan.iterations, minutes=plan.minutes, console=console)


def _measure(plan: Plan, name: str, folder: Path) -> tuple[list[Cell], str | None]:
    """A run's figures and what is wrong with its masks; cached in the run's folder, because sampling takes minutes."""
    state, kept = read_state(folder), folder / MEASURED_FILE
    subject = subject_of(plan.source, folder / state.tensors)
    try:
        values = json.loads(kept.read_text())
        if values["subject"] == subject:
            return [Cell(**cell) for cell in values["cells"]], values["problem"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not measured yet, or a damaged file
    learned, *others = with_splits(plan.source)
    found: dict[str, dict[str, dict[str, float]]] = {}
    if Path(learned).is_dir():
        found["training chains"] = evaluate(folder, learned, options=EvaluationOptions(chains=True, refine="none"))
    fresh = others[0] if others else learned
    refine = None if is_sequence(fresh) else "none"  # the table's masks are the model's own
    found["from noise"] = evaluate(folder, fresh, options=EvaluationOptions(refine=refine))
    cells = [
        Cell(ROWS[name].title, reading, data, figures | {"iterations": state.iteration})
        for data, readings in found.items()
        for reading, figures in readings.items()
    ]
    model, _, _ = load_model(folder)
    problem = collapse(model(load_chains(folder)[:CHECKED_CHAINS]).mask.detach())
    values = {
        "iteration": state.iteration,
        "subject": subject,
        "problem": problem,
        "cells": [asdict(cell) for cell in cells],
    }
    atomic_write(kept, json.dumps(values).encode())
    return cells, problem
