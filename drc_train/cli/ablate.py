"""``drc ablate``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from drc_runtime.cli.options import Json
from drc_runtime.errors import UsageError
from drc_runtime.plain_text import plain


def ablate(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A folder with images/ and masks/ (or with train/ and test/), tm-dsprites[:N], scene[:N].",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The ablation's folder: its runs, table.md, table.json.")],
    rows: Annotated[
        str, typer.Option(metavar="all|ROW,...", help="Rows of the paper's Table 2. Default: all, or those in --out.")
    ] = "",
    seeds: Annotated[str, typer.Option(metavar="N,...", help="Learn each row once with each seed. Default: 0.")] = "",
    preset: Annotated[
        str | None, typer.Option(metavar="P", help="A preset or a YAML file. Default: as drc train.")
    ] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Iterations of each run.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Minutes of learning of each run. Default: 5, without --iterations.")
    ] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Such as train.batch_size=16; repeatable.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the ablation in --out.")] = False,
    as_json: Json = False,
) -> None:
    """Learn the paper's Table 2 row by row, measure each row and write the table. Ctrl-C saves; --resume continues."""
    from drc_runtime.cli.printing import print_json
    from drc_train.evaluation.ablation import ablate as learn
    from drc_train.evaluation.ablation_plan import ROWS, AblationOptions

    names = list(ROWS) if rows == "all" else rows.split(",") if rows else []
    options = AblationOptions(names, _whole_numbers(seeds), preset, override or [], iterations, minutes)
    report = learn(data, out, options, resume=resume)
    if as_json:
        print_json(report.to_json())
    elif report.cells:
        print((out / "table.md").read_text(), end="")
    for name, problem in (*report.collapsed.items(), *report.failures.items()):
        print(f"drc: {plain(f'{name}: {problem}')}", file=sys.stderr)
    if report.interrupted:
        raise typer.Exit(130)
    if report.failures:
        raise typer.Exit(1)


def _whole_numbers(text: str) -> list[int]:
    numbers = text.split(",") if text else []
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise UsageError(f"--seeds {text!r} are not whole numbers with commas between them, such as 0,1,2")
    return [int(number) for number in numbers]
