"""``drc reproduce``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from drc_runtime.cli.options import Json
from drc_runtime.plain_text import plain


def reproduce(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="table1, table2, table3 or table4 of the paper.")],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Holds birds, dogs and so on, as drc data convert writes them. TM-dSprites is drawn."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Runs, results and TABLE.md. Default: reproduction, or reproduction-tiny with --tiny."
        ),
    ] = None,
    protocol: Annotated[
        str, typer.Option(metavar="paper|released", help="Settings of the runs: docs/paper.md.")
    ] = "paper",
    seeds: Annotated[int, typer.Option(min=1, help="Learn each run with so many seeds, and give the means.")] = 1,
    tiny: Annotated[
        bool, typer.Option("--tiny", help="Minutes on two cores: see that everything works. No reproduction.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Learn and measure a table of the paper, as far as its data are here. Ctrl-C saves; the same command continues."""
    from drc_runtime.cli.printing import print_json
    from drc_train.evaluation.reproduce import ReproductionOptions
    from drc_train.evaluation.reproduce import reproduce as learn

    place = out or Path("reproduction-tiny" if tiny else "reproduction")
    found = learn(table, place, ReproductionOptions(data, protocol, seeds, tiny))
    if as_json:
        print_json(found.to_json())
    else:
        print(found.text(), end="")
        print(f"{place / table}.md", file=sys.stderr)
    for result in found.results:
        if result.failure:
            print(f"drc: {plain(f'{result.row.title}: {result.failure}')}", file=sys.stderr)
    if found.interrupted:
        raise typer.Exit(130)
    if any(result.failure for result in found.results):
        raise typer.Exit(1)
