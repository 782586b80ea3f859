"""The ``drc batch`` command, over ``drc_runtime.pipeline.batch.run_batch``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from drc_runtime.cli.options import (
    MODEL,
    OUTPUT,
    EngineName,
    FromNoise,
    Json,
    Mask,
    Model,
    Precision,
    Refine,
    Seed,
    Soft,
    Temperature,
)
from drc_runtime.cli.printing import print_json, print_problems, print_rows
from drc_runtime.cli.progress import reporting
from drc_runtime.pipeline.options import ModelOptions

CLUSTER = "Cluster"


def batch(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="A folder of images, videos or both.")],
    masks: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Write NAME.png for each image and a folder NAME of PNGs for each video; what exists is skipped.",
            rich_help_panel=OUTPUT,
        ),
    ],
    soft: Soft = False,
    model: Model = None,
    engine: EngineName = "onnxruntime",
    precision: Precision = "fp32",
    mask: Mask = "responsibility",
    steps: Annotated[
        int | None,
        typer.Option(help="Langevin steps an image or frame. Default: the bundle's.", rich_help_panel=MODEL),
    ] = None,
    seed: Seed = None,
    temperature: Temperature = 0.0,
    from_noise: FromNoise = False,
    refine: Refine = None,
    address: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="local, auto (the cluster of this machine) or ray://HOST:10001.",
            rich_help_panel=CLUSTER,
        ),
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Actors, one core each. Default: all cores of the cluster.", rich_help_panel=CLUSTER),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the masks of a folder of images or videos on a Ray cluster; exit code 1 if any item failed.

    All machines need FOLDER, the bundle and --masks at the same paths. The same command continues after a failure.

    Examples:
      drc batch images --model mine --masks masks                  this machine's cores
      drc batch images --model mine --masks masks --address auto   this machine's cluster
    """
    from drc_runtime.pipeline.batch import run_batch

    with reporting() as callbacks:
        report = run_batch(
            folder,
            masks,
            model=ModelOptions(
                model,
                engine,
                precision,
                mask,
                steps=steps,
                seed=seed,
                temperature=temperature,
                from_noise=from_noise,
                refine=refine,
            ),
            soft=soft,
            address=address,
            workers=workers,
            progress=callbacks.progress,
        )
    if as_json:
        print_json(asdict(report))
    else:
        print_rows(
            [
                ("items", str(report.items)),
                ("written", f"{report.written} into {masks}"),
                ("skipped", f"{report.present} that an earlier batch completed"),
            ]
        )
    print_problems(report.failures)
    if report.failures:
        raise typer.Exit(1)
