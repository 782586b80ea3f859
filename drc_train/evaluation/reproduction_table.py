"""A table of the paper beside what was learned here, as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from drc_train.evaluation.evaluate import Figures
from drc_train.evaluation.paper_tables import Row

TITLE = "# The paper's Table "
_HEADER = (
    "| row | IoU, paper | IoU, here | Dice, paper | Dice, here | Eq. 7: IoU, Dice | images | iterations | measured on |"
)


@dataclass
class Result:
    """A row of the paper and what became of it here."""

    row: Row
    figures: Figures | None = None
    """Means over the seeds, as ``evaluate`` gives them; None if there are none yet."""
    data: str = ""
    """What was measured on."""
    iterations: int | None = None
    """Of the run."""
    missing: str = ""
    """Which data are not here, and how to prepare them."""
    failure: str = ""
    """Why the run failed."""

    def to_json(self) -> dict[str, Any]:
        """The row, the paper's figures in percent and those measured here in [0, 1]."""
        paper = None if self.row.paper is None else self.row.paper._asdict()
        return {
            "row": self.row.title,
            "paper": paper,
            "here": self.figures,
            "data": self.data,
            "iterations": self.iterations,
            "missing": self.missing,
            "failure": self.failure,
        }


def mean_figures(seeds: Sequence[Figures]) -> Figures:
    """Means over the seeds; with several also the sample standard deviations ``iou_deviation`` and ``dice_deviation``."""
    found = {}
    for mask, first in seeds[0].items():
        values = {key: float(np.mean([each[mask][key] for each in seeds])) for key in first}
        if len(seeds) > 1:
            values |= {
                f"{key}_deviation": float(np.std([each[mask][key] for each in seeds], ddof=1))
                for key in ("iou", "dice")
            }
        found[mask] = values
    return found


def table_text(table: str, results: Sequence[Result], protocol: str, note: str = "") -> str:
    """The table as Markdown: the masks are read from the mixture weight pi_f as the paper does, and beside it by Eq. 7.

    Args:
        table: ``table1`` to ``table4``.
        results: a row each.
        protocol: ``paper`` or ``released``.
        note: stands before the table in bold.
    """
    lines = [f"{TITLE}{table.removeprefix('table')}, protocol {protocol}", ""]
    lines += [f"**{note}**", ""] if note else []
    lines += [
        "IoU and Dice in percent, of masks read from the mixture weight as in the paper; then those of Eq. 7.",
        "",
    ]
    lines += [_HEADER, "|---" * (_HEADER.count("|") - 1) + "|"]
    lines += [_line(result) for result in results]
    notes = dict.fromkeys(
        text for result in results for text in (result.missing, result.failure and _failed(result)) if text
    )
    return "\n".join([*lines, "", *(f"- {text}" for text in notes)]).rstrip() + "\n"


def _failed(result: Result) -> str:
    return f"{result.row.title}: {result.failure}"


def _line(result: Result) -> str:
    paper = ("-", "-") if result.row.paper is None else tuple(f"{value:.1f}" for value in result.row.paper)
    here, second, images = _here(result), "-", "-"
    if result.figures is not None:
        images = f"{next(iter(result.figures.values()))['images']:.0f}"
        if "responsibility" in result.figures:
            figures = result.figures["responsibility"]
            second = f"{_percent(figures, 'iou')}, {_percent(figures, 'dice')}"
    run = "-" if result.iterations is None else str(result.iterations)
    cells = (result.row.title, paper[0], here[0], paper[1], here[1], second, images, run, result.data or "-")
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _here(result: Result) -> tuple[str, str]:
    if result.missing:
        return "not here", "not here"
    if result.failure:
        return "failed", "failed"
    if result.figures is None:
        return "not yet", "not yet"
    figures = result.figures["mixture" if "mixture" in result.figures else "grabcut"]
    return _percent(figures, "iou"), _percent(figures, "dice")


def _percent(figures: dict[str, float], key: str) -> str:
    deviation = figures.get(f"{key}_deviation")
    return f"{100 * figures[key]:.1f}" + ("" if deviation is None else f" ± {100 * deviation:.1f}")
