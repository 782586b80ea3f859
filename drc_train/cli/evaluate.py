"""``drc eval``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from drc_runtime.cli.options import Json, Refine
from drc_runtime.plain_text import plain


def evaluate(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="Folders with images/ and masks/ (or with train/ and test/, for both), clips, tm-dsprites[:N], scene[:N].",
        ),
    ],
    model: Annotated[
        str, typer.Option(metavar="MODEL,...", help="Runs, bundles, or folders of masks that another method wrote.")
    ] = "",
    baseline: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="Baselines as well: grabcut, iem, iem-cut, constant; for clips plain, online, mog2, knn, cnt, gsoc, lsbp.",
        ),
    ] = "",
    truth: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Read the ground-truth masks there. Default: beside the data.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a table: Markdown, or .json with all figures.")
    ] = None,
    gallery: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write figures there: first, best, median and worst masks, prior samples, statistics of the data.",
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Langevin steps. Default: the model's own.")] = None,
    skip: Annotated[
        int | None, typer.Option(min=0, help="First frames of a clip that are not counted. Default: 20.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the noise that chains start from. Default: 0.")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(min=0, max=10, help="Scale of the noise in the steps. Default: 0, a mode of the posterior."),
    ] = None,
    from_noise: Annotated[
        bool, typer.Option("--from-noise", help="Begin chains at noise although the model has an initialiser.")
    ] = False,
    refine: Refine = None,
    student: Annotated[
        bool, typer.Option("--student", help="Masks of the model's student: one pass for each image, no chain.")
    ] = False,
    size: Annotated[
        int | None, typer.Option(min=8, max=4096, help="Scale images and masks to this size first, pixels.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many images or frames, from the first on.")] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, max=4096, help="Images that a run samples together. Default: 16.")
    ] = None,
    device: Annotated[
        Literal["cpu", "cuda"] | None,
        typer.Option(help="Where a run is sampled. Default: a GPU where there is one."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a --table or figures of --gallery that drc wrote.")
    ] = False,
    chains: Annotated[
        bool, typer.Option("--chains", help="Read masks from a run's training chains; DATA is what it learned from.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure the IoU, Dice and F1 of masks. Images are sampled from noise, the frames of clips are tracked.

    Several models or sets give a table.
    """
    from drc_runtime.activity import Activity
    from drc_runtime.cli.printing import print_json
    from drc_train.evaluation.options import EvaluationOptions
    from drc_train.evaluation.outputs import claim_outputs
    from drc_train.evaluation.tables import markdown, measure_table, to_json, write_table

    models = [Path(name) for name in _names(model)]
    part = None if limit is None else (0, limit)
    options = EvaluationOptions(
        truth, steps, skip, seed, temperature, from_noise, refine, student, size, chains, gallery, part, batch, device
    )
    with claim_outputs(table, gallery, data, overwrite=overwrite):
        with Activity() as progress:
            progress("measuring")
            cells = measure_table(
                models,
                data,
                baselines=_names(baseline),
                options=options,
                progress=lambda name, done: progress(f"measuring {name}", done),
            )
        if table is not None:
            write_table(table, cells)
    if table is not None or len(models) > 1 or len({cell.data for cell in cells}) > 1:
        print_json(to_json(cells)) if as_json else print(markdown(cells), end="")
        return
    figures = {cell.reading or cell.model: cell.figures for cell in cells}
    print_json(figures) if as_json else _print_figures(figures)


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _print_figures(figures: dict[str, dict[str, float]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = Table("mask", "IoU", "Dice", "F1", "images", "with foreground", "ms")
    for name, row in figures.items():
        percentages = [f"{100 * row[key]:.1f}" for key in ("iou", "dice", "f1")]
        rows.add_row(
            Text(plain(name)),
            *percentages,
            str(row["images"]),
            str(row["with_foreground"]),
            f"{row['milliseconds']:.1f}",
        )
    Console().print(rows)
    for name, row in figures.items():
        if "void" in row:
            print(f"{plain(name)}: {row['void']:.2%} of the pixels are void in the truth and not measured")
        if "ari" in row:
            print(f"{plain(name)}: ARI {row['ari']:.3f}, without background {row.get('ari_foreground', 0):.3f}")
