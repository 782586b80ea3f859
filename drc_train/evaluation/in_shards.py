"""A measurement that takes hours, kept shard by shard: what was interrupted goes on at the last complete shard."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from drc_runtime.atomic import atomic_write
from drc_runtime.images import list_images
from drc_train.data.source import NAMES, image_folder, parse_name
from drc_train.evaluation.evaluate import Figures, evaluate
from drc_train.evaluation.options import EvaluationOptions

SHARD = 512
"""Images: some twenty minutes of the birds preset's 2,500 steps on a card."""
KEYS = ("iou", "dice", "images", "with_foreground")


def evaluate_in_shards(
    run: Path | None,
    data: str,
    kept: Path,
    subject: str,
    *,
    baselines: Sequence[str] = (),
    limit: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Figures:
    """Measures as ``evaluate`` does, and keeps what is done in a file.

    Args:
        run: the run's folder, or None for the baselines alone.
        data: a folder with ``images`` and ``masks``, or a drawn set of images.
        kept: the file; one of another subject, or a damaged one, is begun again.
        subject: of ``subject_of``.
        baselines: as for ``evaluate``.
        limit: only so many images, from the first on.
        progress: called with the number of images done.

    Returns:
        IoU, Dice and the numbers of images by the name of the mask. Each shard's noise has a seed of its own; the first one has
        that of ``drc eval``.

    Raises:
        SourceError, BundleError, TrainingError: as ``evaluate``.
        OutputError: the file cannot be written.
    """
    total = min(count_labelled(data), limit or 1 << 62)
    done, figures = _read(kept, subject)
    while done < total:
        stop = min(done + SHARD, total)
        begun = done
        found = evaluate(
            run,
            data,
            baselines=baselines,
            options=EvaluationOptions(
                part=(begun, stop), seed=begun // SHARD if run else None, refine="none" if run else None
            ),
            progress=lambda count: progress(begun + count),  # noqa: B023 - called within this turn
        )
        figures = {name: _merged(figures.get(name), values) for name, values in found.items()}
        done = stop
        atomic_write(kept, json.dumps({"subject": subject, "data": data, "done": done, "figures": figures}).encode())
    return figures


def count_labelled(data: str) -> int:
    """The number of images with a mask.

    Raises:
        SourceError: the folder holds no images.
    """
    named = parse_name(data)
    if named is not None:
        return named[1] or NAMES[named[0]]
    masks = {path.stem for path in (Path(data) / "masks").iterdir() if path.suffix.lower() == ".png"}
    return sum(path.stem in masks for path in list_images(image_folder(Path(data))))


def _read(kept: Path, subject: str) -> tuple[int, Figures]:
    try:
        values = json.loads(kept.read_text())
        if values["subject"] == subject:
            return int(values["done"]), {name: dict(figures) for name, figures in values["figures"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # not measured yet, or a damaged file
    return 0, {}


def _merged(before: dict[str, float] | None, shard: dict[str, float]) -> dict[str, float]:
    """Means over the images with a foreground, as of all images at once."""
    if before is None:
        return {key: shard[key] for key in KEYS}
    weight = before["with_foreground"], shard["with_foreground"]
    merged = {key: (before[key] * weight[0] + shard[key] * weight[1]) / max(sum(weight), 1) for key in ("iou", "dice")}
    return merged | {key: before[key] + shard[key] for key in ("images", "with_foreground")}
