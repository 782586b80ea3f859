"""The commands that need the training packages, each a thin shell over one public function."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one machine-readable object on stdout.")]


def train(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A folder of pictures, a video, or tm-dsprites[:N], scene[:N].")
    ],
    out: Annotated[Path, typer.Option(metavar="RUN", help="Folder of the run: checkpoint, TensorBoard, grid.png.")],
    preset: Annotated[
        str | None,
        typer.Option(metavar="P", help="A preset or a YAML file. Default: static-camera for a video, else edge-64."),
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Stop at this iteration. Default: the preset's.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after this many minutes of learning.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")] = False,
    override: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Such as train.batch_size=16; repeatable.")
    ] = None,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out pictures that cannot be read.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Learn to cut out the foreground from unlabelled pictures. Ctrl-C saves and ends; --resume goes on."""
    from drc_train.train import train as learn

    report = learn(
        source,
        out,
        preset=preset,
        iterations=iterations,
        minutes=minutes,
        resume=resume,
        overrides=override or (),
        skip_unreadable=skip_unreadable,
    )
    if as_json:
        print(json.dumps({**asdict(report), "out": str(report.out)}))
    else:
        print(f"{report.out}: iteration {report.iterations}, {report.seconds / 60:.1f} minutes of learning")
        print(f"next: drc export {report.out} --out BUNDLE")
    if report.collapsed:
        print(f"drc: {report.collapsed}", file=sys.stderr)
    if report.interrupted:
        raise typer.Exit(130)
    if report.collapsed:
        raise typer.Exit(1)


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run, a bundle, or none for the baselines alone.")],
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="A folder with images/ and masks/, a clip, or tm-dsprites[:N], scene[:N]."),
    ],
    masks: Annotated[
        str | None, typer.Option(metavar="DIR", help="The truth, where it is not beside the data.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Langevin steps. Default: the model's own.")] = None,
    baseline: Annotated[str, typer.Option(help="Comma-separated: grabcut, mog2, knn.")] = "",
    skip: Annotated[
        int | None, typer.Option(min=0, help="Frames at the start not to count. Default: 20 for a clip.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise that cold starts begin from.")] = 0,
    as_json: Json = False,
) -> None:
    """Measure IoU, Dice and F1: pictures from noise, clips tracked."""
    from rich.console import Console
    from rich.table import Table

    from drc_train.evaluate import evaluate as measure

    with Console(stderr=True).status("measuring ...") as status:
        figures = measure(
            None if model == "none" else Path(model),
            data,
            masks=masks,
            steps=steps,
            baselines=[name for name in baseline.split(",") if name],
            skip=skip,
            seed=seed,
            progress=lambda done: status.update(f"{done} pictures measured"),
        )
    if as_json:
        print(json.dumps(figures))
        return
    table = Table("mask", "IoU", "Dice", "F1", "pictures", "with foreground", "ms")
    for name, row in figures.items():
        percentages = [f"{100 * row[key]:.1f}" for key in ("iou", "dice", "f1")]
        table.add_row(
            name, *percentages, str(row["pictures"]), str(row["with_foreground"]), f"{row['milliseconds']:.1f}"
        )
    Console().print(table)


def data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="tm-dsprites, scene or sprites.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    count: Annotated[int, typer.Option(min=1, help="Pictures or frames.")] = 1000,
    size: Annotated[int, typer.Option(min=8, help="Height of a picture in pixels.")] = 128,
    seed: Annotated[int, typer.Option(min=0, help="Another draw.")] = 2,
) -> None:
    """Write a data set in this project's folder form: images/ and masks/, or clip.mp4 and masks/."""
    from drc_train.data.write import write_data_set

    print(f"{folder}: {write_data_set(name, folder, count, size, seed)} pictures")
