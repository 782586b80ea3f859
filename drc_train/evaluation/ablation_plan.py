"""What an ablation learns: the rows of the paper's Table 2, and the plan that is kept on disk so that it can be resumed."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from drc_runtime.atomic import atomic_write
from drc_runtime.errors import TrainingError, UsageError

PLAN_FILE = "plan.json"
MINUTES = 5.0
"""Minutes of learning for each run where neither minutes nor iterations are given."""


class Row(NamedTuple):
    """One row of Table 2."""

    title: str
    overrides: tuple[str, ...]
    """``section.key=value`` settings over those of the full model."""


ROWS = {
    "amortised": Row("amortised inference", ("model.inference=amortised", "train.pseudo_label_weight=0")),
    "no-reassignment": Row("without pixel re-assignment", ("model.latent.reassignment=0",)),
    "no-pseudo-label": Row("without pseudo label", ("train.pseudo_label_weight=0",)),
    "no-total-variation": Row("without total variation", ("train.total_variation_weight=0",)),
    "no-orthogonal": Row("without orthogonal regularisation", ("train.orthogonal_weight=0",)),
    "short-run": Row("short-run chain", ("train.redraw=1", "train.follow=0")),
    "full": Row("full model", ()),
}
"""The rows of Table 2 in its order, by the names that the command takes."""


@dataclass(frozen=True)
class AblationOptions:
    """What is learned in an ablation, and for how long."""

    rows: Sequence[str] = ()
    """Names in ``ROWS``; none for all of them."""
    seeds: Sequence[int] = ()
    """Every row is learned once with each seed; none for 0."""
    preset: str | None = None
    """As for ``drc_train.training.train.train``."""
    overrides: Sequence[str] = ()
    """``section.key=value`` settings over the preset; those of a row come last."""
    iterations: int | None = None
    """Iterations of each run."""
    minutes: float | None = None
    """Minutes of learning of each run, if that comes first; without either, 5."""


@dataclass(frozen=True)
class Plan:
    """What all runs of an ablation share: the contents of ``plan.json``."""

    source: str
    names: tuple[str, ...]
    """Names in ``ROWS``."""
    seeds: tuple[int, ...]
    preset: str | None
    overrides: tuple[str, ...]
    iterations: int | None
    minutes: float | None

    def save(self, folder: Path) -> None:
        """Writes the plan into the ablation's folder.

        Raises:
            OutputError: the disk refuses.
        """
        atomic_write(folder / PLAN_FILE, json.dumps(asdict(self), indent=1).encode())


def new_plan(source: str, out: Path, options: AblationOptions) -> Plan:
    """The plan of a new ablation.

    Raises:
        UsageError: a row is unknown, or ``out`` holds an ablation already.
    """
    _check_rows(options.rows)
    if (out / PLAN_FILE).exists():
        raise UsageError(f"{out} already holds an ablation: continue it with --resume, or give another --out")
    rows = tuple(name for name in ROWS if name in options.rows or not options.rows)
    minutes = MINUTES if options.minutes is None and options.iterations is None else options.minutes
    seeds, overrides = tuple(options.seeds) or (0,), tuple(options.overrides)
    return Plan(source, rows, seeds, options.preset, overrides, options.iterations, minutes)


def resumed_plan(source: str, out: Path, options: AblationOptions) -> Plan:
    """The plan in ``out``: with the options' rows and seeds added, and with their iterations and minutes if they have any.

    Raises:
        UsageError: a row is unknown, another source, or a preset or overrides, which a resumed ablation cannot change.
        TrainingError: ``out`` holds no plan, or a damaged one.
    """
    _check_rows(options.rows)
    try:
        kept = json.loads((out / PLAN_FILE).read_text())
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in kept.items()
        }
        plan = Plan(**values)
        rows = tuple(name for name in ROWS if name in (*plan.names, *options.rows))
        plan = replace(plan, names=rows, seeds=tuple(dict.fromkeys((*plan.seeds, *options.seeds))))
    except OSError as error:
        raise TrainingError(f"{out} holds no ablation ({PLAN_FILE}) to resume; leave --resume out") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise TrainingError(f"{out / PLAN_FILE} is damaged: {error}; start again with another --out") from error
    if (source, options.preset, tuple(options.overrides)) != (plan.source, None, ()):
        raise UsageError(f"--resume continues with {plan.source} and its settings; leave --preset and --set out")
    if options.iterations is not None or options.minutes is not None:
        plan = replace(plan, iterations=options.iterations, minutes=options.minutes)
    return plan


def _check_rows(names: Sequence[str]) -> None:
    for name in names:
        if name not in ROWS:
            raise UsageError(f"no ablation {name!r}: choose all, or from {', '.join(ROWS)}")
