"""Tables 1, 3 and 4: several models and baselines on several sets of images, as Markdown and JSON."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from drc_runtime.atomic import atomic_write
from drc_runtime.errors import UsageError
from drc_train.evaluation.evaluate import evaluate


@dataclass(frozen=True)
class Cell:
    """What one model or baseline reaches on one set."""

    model: str
    reading: str
    """How its masks are read; empty for a baseline."""
    data: str
    figures: dict[str, float]


def measure_table(
    models: Sequence[Path],
    data: Sequence[str],
    *,
    baselines: Sequence[str] = (),
    steps: int | None = None,
    skip: int | None = None,
    seed: int = 0,
    size: int | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> list[Cell]:
    """Measures every model, and every baseline once, on every set; as ``drc_train.evaluation.evaluate.evaluate`` otherwise.

    Args:
        models: runs, bundles or folders of masks; a model on the images of another category is a row of Table 4.
        data: sets; a folder with ``train`` and ``test`` stands for both (Table 3).
        baselines: as ``evaluate``.
        steps: as ``evaluate``.
        skip: as ``evaluate``.
        seed: as ``evaluate``.
        size: as ``evaluate``.
        progress: called with the data set and the number of images done.

    Raises:
        UsageError: nothing to measure.
        SourceError, BundleError, TrainingError: as ``evaluate``.
    """
    sets = [split for name in data for split in with_splits(name)]
    if not sets:
        raise UsageError("a table needs data: give --data once for each set")
    labels = _short([str(model) for model in models])
    cells = []
    for name, title in zip(sets, _short(sets), strict=True):
        report = partial(progress, title) if progress else None
        common = {"steps": steps, "skip": skip, "seed": seed, "size": size, "progress": report}
        for model, label in zip(models, labels, strict=True):
            figures = evaluate(model, name, **common)  # type: ignore[arg-type]
            cells += [Cell(label, reading, title, row) for reading, row in figures.items()]
        if baselines:
            figures = evaluate(None, name, baselines=baselines, **common)  # type: ignore[arg-type]
            cells += [Cell(baseline, "", title, row) for baseline, row in figures.items()]
    return cells


def with_splits(data: str) -> list[str]:
    """The splits of a folder that has ``train`` and ``test``, each with images of its own; otherwise the set itself."""
    splits = [Path(data) / split for split in ("train", "test")]
    return [str(split) for split in splits] if all((split / "images").is_dir() for split in splits) else [data]


def markdown(cells: Sequence[Cell]) -> str:
    """One row for each model and reading, two columns (IoU and Dice in percent) for each set.

    Figures over several seeds carry their standard deviation, from ``iou_deviation`` and ``dice_deviation``.
    """
    sets = list(dict.fromkeys(cell.data for cell in cells))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for cell in cells:
        values = " | ".join(_percentage(cell.figures, key) for key in ("iou", "dice"))
        rows.setdefault((cell.model, cell.reading), {})[cell.data] = values
    # a bar would end the cell
    titles = [f"{name} IoU | {name} Dice" for name in (entry.replace("|", "/") for entry in sets)]
    lines = ["| model | " + " | ".join(titles) + " |", "|---" * (1 + 2 * len(sets)) + "|"]
    for (model, reading), found in rows.items():
        title = f"{model}, {reading}" if reading else model
        lines.append(f"| {title.replace('|', '/')} | " + " | ".join(found.get(name, "- | -") for name in sets) + " |")
    return "\n".join(lines) + "\n"


def _percentage(figures: dict[str, float], key: str) -> str:
    deviation = figures.get(f"{key}_deviation")
    return f"{100 * figures[key]:.1f}" + (f" ± {100 * deviation:.1f}" if deviation is not None else "")


def write_table(path: Path, cells: Sequence[Cell]) -> None:
    """Writes Markdown, or JSON where the name ends in ``.json``: a list of objects with model, reading, data and figures.

    Raises:
        OutputError: the disk refuses.
    """
    text = to_json(cells) if Path(path).suffix == ".json" else markdown(cells)
    atomic_write(Path(path), text.encode())


def to_json(cells: Sequence[Cell]) -> str:
    """The cells as a JSON list."""
    objects = [{"model": cell.model, "reading": cell.reading, "data": cell.data, **cell.figures} for cell in cells]
    return json.dumps(objects, indent=1) + "\n"


def _short(names: Sequence[str]) -> list[str]:
    """Names without the folders that do not tell them apart."""
    parts = [Path(name).parts or (name,) for name in names]
    for keep in range(1, max(map(len, parts), default=1) + 1):
        short = ["/".join(part[-(keep + (part[-1] in ("train", "test"))) :]) for part in parts]
        if len(set(short)) == len(set(names)):
            return short
    return list(names)
