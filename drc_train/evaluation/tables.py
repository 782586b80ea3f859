"""Tables 1, 3 and 4: several models and baselines on several sets of images, as Markdown and JSON."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from drc_runtime.atomic import atomic_write
from drc_train.evaluation.evaluate import measure
from drc_train.evaluation.options import EvaluationOptions, check_options


@dataclass(frozen=True)
class Cell:
    """The figures of one model or baseline on one set."""

    model: str
    reading: str
    """How the model's masks are read; empty for a baseline."""
    data: str
    figures: dict[str, float]


def measure_table(
    models: Sequence[Path],
    data: Sequence[str],
    *,
    baselines: Sequence[str] = (),
    options: EvaluationOptions | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> list[Cell]:
    """Measures every model and every baseline on every set; otherwise as ``evaluate.evaluate``.

    Args:
        models: runs, bundles or folders of masks. A model on the images of another category is a row of Table 4.
        data: sets; a folder with ``train`` and ``test`` stands for both (Table 3).
        baselines: as in ``evaluate``.
        options: as in ``evaluate``; ``truth``, ``chains`` and ``gallery`` take one model and one set.
        progress: called with the name of the set and the number of images done.

    Raises:
        UsageError: nothing to measure, or an option without effect.
        SourceError, BundleError, TrainingError, OutputError: as ``evaluate``.
    """
    options = options or EvaluationOptions()
    sets = [split for name in data for split in with_splits(name)]
    check_options(options, models, sets, baselines)
    labels = _short([str(model) for model in models])
    cells = []
    for name, title in zip(sets, _short(sets), strict=True):
        report = partial(progress, title) if progress else None
        for model, label in zip(models, labels, strict=True):
            figures = measure(model, name, (), options, report)
            cells += [Cell(label, reading, title, row) for reading, row in figures.items()]
        if baselines:
            figures = measure(None, name, baselines, options, report)
            cells += [Cell(baseline, "", title, row) for baseline, row in figures.items()]
    return cells


def with_splits(data: str) -> list[str]:
    """The splits ``train`` and ``test`` of a folder where both have ``images``; otherwise the set itself."""
    splits = [Path(data) / split for split in ("train", "test")]
    return [str(split) for split in splits] if all((split / "images").is_dir() for split in splits) else [data]


def markdown(cells: Sequence[Cell]) -> str:
    """One row for each model and reading, two columns (IoU and Dice in percent) for each set.

    Figures over several seeds have their standard deviation, from ``iou_deviation`` and ``dice_deviation``.
    """
    sets = list(dict.fromkeys(cell.data for cell in cells))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for cell in cells:
        values = " | ".join(_percentage(cell.figures, key) for key in ("iou", "dice"))
        rows.setdefault((cell.model, cell.reading), {})[cell.data] = values
    # A bar in a name would end its cell.
    titles = [f"{name} IoU | {name} Dice" for name in (entry.replace("|", "/") for entry in sets)]
    lines = ["| model | " + " | ".join(titles) + " |", "|---" * (1 + 2 * len(sets)) + "|"]
    for (model, reading), found in rows.items():
        title = f"{model}, {reading}" if reading else model
        lines.append(f"| {title.replace('|', '/')} | " + " | ".join(found.get(name, "- | -") for name in sets) + " |")
    return "\n".join(lines) + "\n"


def mean_cells(runs: Sequence[Sequence[Cell]]) -> list[Cell]:
    """Means over the seeds, cell by cell; with several seeds also the sample standard deviation of IoU and Dice."""
    cells = []
    for same in zip(*runs, strict=True):
        figures: dict[str, float] = {
            key: float(np.mean([cell.figures[key] for cell in same])) for key in same[0].figures
        }
        if len(same) > 1:
            for key in ("iou", "dice"):
                figures[f"{key}_deviation"] = float(np.std([cell.figures[key] for cell in same], ddof=1))
        cells.append(Cell(same[0].model, same[0].reading, same[0].data, figures | {"seeds": len(same)}))
    return cells


def to_json(cells: Sequence[Cell]) -> dict[str, Any]:
    """The cells as a JSON object: ``cells``, a list of objects with ``model``, ``reading``, ``data`` and ``figures``."""
    return {"cells": [asdict(cell) for cell in cells]}


def write_table(path: Path, cells: Sequence[Cell]) -> None:
    """Writes the cells as Markdown, or as the object of ``to_json`` where the name ends in ``.json``.

    Raises:
        OutputError: the disk refuses.
    """
    text = json.dumps(to_json(cells), indent=2) + "\n" if Path(path).suffix == ".json" else markdown(cells)
    atomic_write(Path(path), text.encode())


def _percentage(figures: dict[str, float], key: str) -> str:
    deviation = figures.get(f"{key}_deviation")
    return f"{100 * figures[key]:.1f}" + (f" ± {100 * deviation:.1f}" if deviation is not None else "")


def _short(names: Sequence[str]) -> list[str]:
    """The names without the leading folders that are not needed to distinguish them."""
    parts = [Path(name).parts or (name,) for name in names]
    for keep in range(1, max(map(len, parts), default=1) + 1):
        short = ["/".join(part[-(keep + (part[-1] in ("train", "test"))) :]) for part in parts]
        if len(set(short)) == len(set(names)):
            return short
    return list(names)
