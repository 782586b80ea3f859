"""``drc train --ablation``: the paper's Table 2, each component taken out in turn, as one run after the other and a table."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from drc_runtime.atomic import atomic_write
from drc_runtime.errors import OutputError, TrainingError, UsageError
from drc_runtime.machine import machine_name
from drc_train.evaluation.evaluate import evaluate
from drc_train.evaluation.tables import Cell, markdown, with_splits
from drc_train.training.checkpoint import load_chains, load_model, read_state
from drc_train.training.collapse import collapse
from drc_train.training.record import STATE_FILE
from drc_train.training.train import Recipe, Reporting, train

PLAN_FILE = "plan.json"
MINUTES = 5.0
"""Of learning for each run, where nothing else is said."""
LOOKED_AT = 96
"""Chains that are enough to see whether masks have collapsed."""


class Ablation(NamedTuple):
    """One row of Table 2."""

    title: str
    overrides: tuple[str, ...]
    """``--set`` values over the recipe of the full model."""


ABLATIONS = {
    "amortised": Ablation("amortised inference", ("model.inference=amortised", "train.pseudo_label_weight=0")),
    "no-reassignment": Ablation("without pixel re-assignment", ("model.latent.reassignment=0",)),
    "no-pseudo-label": Ablation("without pseudo label", ("train.pseudo_label_weight=0",)),
    "no-total-variation": Ablation("without total variation", ("train.total_variation_weight=0",)),
    "no-orthogonal": Ablation("without orthogonal regularisation", ("train.orthogonal_weight=0",)),
    "short-run": Ablation("short-run chain", ("train.redraw=1", "train.follow=0")),
    "full": Ablation("full model", ()),
}
"""The rows of Table 2 in its order, by the names that the command takes."""


@dataclass(frozen=True)
class Plan:
    """What all runs of an ablation have in common; kept in the ablation's folder, so that it can be resumed."""

    source: str
    names: tuple[str, ...]
    seeds: tuple[int, ...]
    preset: str | None
    overrides: tuple[str, ...]
    iterations: int | None
    minutes: float | None


@dataclass(frozen=True)
class AblationReport:
    """What ``ablate`` came to."""

    out: Path
    cells: list[Cell]
    """One for each row, reading and set; means over the seeds."""
    collapsed: dict[str, str]
    """Runs whose masks collapsed, and how."""
    failures: dict[str, str]
    """Runs that did not come to an end, and why."""
    interrupted: bool


def ablate(
    source: str,
    out: Path,
    *,
    names: Sequence[str] = (),
    seeds: Sequence[int] = (),
    preset: str | None = None,
    iterations: int | None = None,
    minutes: float | None = None,
    resume: bool = False,
    overrides: Sequence[str] = (),
    console: Console | None = None,
) -> AblationReport:
    """Learns the full model and each ablation on the same images, measures them and writes ``table.md`` and ``table.json``.

    Runs are folders ``NAME-SEED`` in ``out``, as ``drc train`` leaves them. The table is written anew after each of them. A run
    that does not come to an end does not stop the others.

    Args:
        source: as for ``drc_train.training.train.train``. A folder is measured on its masks: the training chains' on its own images (of
            ``train``, where it has splits), and from noise on ``test``, or on the same images where it has none. Data sets
            that are drawn are measured from noise on images that training does not see.
        out: the ablation's folder.
        names: which rows, of ``ABLATIONS``; none for all of them.
        seeds: every row is learned once with each; none for 0.
        preset: as for ``train``, as are ``overrides``; each ablation's own settings come last.
        iterations: of each run.
        minutes: of learning for each run, if that comes first; without either, 5.
        resume: go on with what is in ``out``. ``names`` and ``seeds`` are added to its own, ``iterations`` and ``minutes`` take
            the place of its own, the rest stays.
        overrides: see ``preset``.
        console: where progress goes; None is stderr.

    Raises:
        UsageError: no such row, or an ablation that would be overwritten.
        ConfigError, SourceError, TrainingError, OutputError: as for ``train`` and ``evaluate``.
    """
    console = console or Console(stderr=True)
    _check_rows(names)
    if resume:
        plan = _resumed(out, names, seeds, iterations, minutes)
        if (source, preset, tuple(overrides)) != (plan.source, None, ()):
            raise UsageError(f"--resume goes on with {plan.source} and its settings; leave --preset and --set out")
    else:
        if (out / PLAN_FILE).exists():
            raise UsageError(f"{out} already holds an ablation: continue it with --resume, or give another --out")
        if minutes is None and iterations is None:
            minutes = MINUTES
        rows = tuple(name for name in ABLATIONS if name in names or not names)
        plan = Plan(source, rows, tuple(seeds) or (0,), preset, tuple(overrides), iterations, minutes)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {out}: {error.strerror}") from error
    atomic_write(out / PLAN_FILE, json.dumps(asdict(plan), indent=1).encode())
    runs = [(name, seed) for seed in plan.seeds for name in plan.names]
    report = AblationReport(out, [], {}, {}, False)
    measured: dict[str, list[list[Cell]]] = {}
    for number, (name, seed) in enumerate(runs, start=1):
        folder = out / f"{name}-{seed}"
        console.print(f"[{number}/{len(runs)}] {ABLATIONS[name].title}, seed {seed}", highlight=False, markup=False)
        try:
            if not _learn(plan, name, seed, folder, console):
                report = replace(report, interrupted=True)
                break
            cells, problem = _measure(plan, name, folder)
        except TrainingError as error:
            report.failures[folder.name] = str(error)
            continue
        if problem:
            report.collapsed[folder.name] = problem
        measured.setdefault(name, []).append(cells)
        report = replace(report, cells=[cell for row in plan.names for cell in _mean(measured.get(row, []))])
        _write(plan, report)
    return report


def _check_rows(names: Sequence[str]) -> None:
    for name in names:
        if name not in ABLATIONS:
            raise UsageError(f"no ablation {name!r}: choose all, or from {', '.join(ABLATIONS)}")


def _resumed(
    out: Path, names: Sequence[str], seeds: Sequence[int], iterations: int | None, minutes: float | None
) -> Plan:
    try:
        kept = json.loads((out / PLAN_FILE).read_text())
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in kept.items()
        }
        plan = Plan(**values)
        rows = tuple(name for name in ABLATIONS if name in (*plan.names, *names))
        plan = replace(plan, names=rows, seeds=tuple(dict.fromkeys((*plan.seeds, *seeds))))
    except OSError as error:
        raise TrainingError(f"{out} holds no ablation ({PLAN_FILE}) to resume") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise TrainingError(f"{out / PLAN_FILE} is damaged: {error}") from error
    if iterations is not None or minutes is not None:
        plan = replace(plan, iterations=iterations, minutes=minutes)
    return plan


def _learn(plan: Plan, name: str, seed: int, folder: Path, console: Console) -> bool:
    """Brings one run to its end; False if it was interrupted."""
    source, minutes = with_splits(plan.source)[0], plan.minutes
    begun = (folder / STATE_FILE).is_file()
    if begun:
        state = read_state(folder)
        if plan.minutes is not None:
            minutes = plan.minutes - state.about.seconds / 60
        if state.iteration >= (plan.iterations or float("inf")) or (minutes is not None and minutes <= 0):
            return True
    overrides = (*plan.overrides, *ABLATIONS[name].overrides, f"train.seed={seed}")
    report = train(
        source,
        folder,
        recipe=Recipe() if begun else Recipe(plan.preset, overrides),
        iterations=plan.iterations,
        minutes=minutes,
        resume=begun,
        reporting=Reporting(console),
    )
    return not report.interrupted


def _measure(plan: Plan, name: str, folder: Path) -> tuple[list[Cell], str | None]:
    """What a run reaches, and what is wrong with its masks; kept beside the run, because chains from noise take their time."""
    state, kept = read_state(folder), folder / "measured.json"
    try:
        values = json.loads(kept.read_text())
        if values["iteration"] == state.iteration:
            return [Cell(**cell) for cell in values["cells"]], values["problem"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not measured yet, or not wholly
    learned, *others = with_splits(plan.source)
    found: dict[str, dict[str, dict[str, float]]] = {}
    if Path(learned).is_dir():
        found["training chains"] = evaluate(folder, learned, chains=True)
    found["from noise"] = evaluate(folder, others[0] if others else learned)
    cells = [
        Cell(ABLATIONS[name].title, reading, data, figures | {"iterations": state.iteration})
        for data, readings in found.items()
        for reading, figures in readings.items()
    ]
    model, _, _ = load_model(folder)
    problem = collapse(model(load_chains(folder)[:LOOKED_AT]).mask.detach())
    values = {"iteration": state.iteration, "problem": problem, "cells": [asdict(cell) for cell in cells]}
    atomic_write(kept, json.dumps(values).encode())
    return cells, problem


def _mean(runs: list[list[Cell]]) -> list[Cell]:
    """Means over the seeds, cell by cell, and with several seeds the sample's standard deviation of IoU and Dice."""
    cells = []
    for same in zip(*runs, strict=True):
        figures: dict[str, float] = {
            key: float(np.mean([cell.figures[key] for cell in same])) for key in same[0].figures
        }
        if len(same) > 1:
            for key in ("iou", "dice"):
                figures[f"{key}_deviation"] = float(np.std([cell.figures[key] for cell in same], ddof=1))
        cells.append(replace(same[0], figures=figures | {"seeds": len(same)}))
    return cells


def _write(plan: Plan, report: AblationReport) -> None:
    notes = [f"{name}: {problem}" for name, problem in (*report.collapsed.items(), *report.failures.items())]
    lines = [markdown(report.cells), *(f"\n{note}\n" for note in notes)]
    atomic_write(report.out / "table.md", "".join(lines).encode())
    values: dict[str, Any] = {"machine": machine_name(), **asdict(plan)}
    values |= {"cells": [asdict(cell) for cell in report.cells]}
    values |= {"collapsed": report.collapsed, "failures": report.failures}
    atomic_write(report.out / "table.json", (json.dumps(values, indent=1) + "\n").encode())
