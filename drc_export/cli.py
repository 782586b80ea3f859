"""The ``drc export`` command, a thin shell over ``drc_export.export.export``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The --out folder of drc train.")],
    out: Annotated[Path, typer.Option(metavar="BUNDLE", help="The folder to make.")],
    name: Annotated[str | None, typer.Option(help="Name of the bundle. Default: the folder's.")] = None,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not compare with float64 autograd first.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one machine-readable object on stdout.")] = False,
) -> None:
    """Turn a run into a bundle: ONNX graphs with the gradient inside, verified against float64 autograd."""
    from rich.console import Console
    from rich.table import Table

    from drc_export.export import export as export_run

    with Console(stderr=True).status("exporting and verifying ..."):
        report = export_run(run, out, name=name, verified=not no_verify, overwrite=overwrite)
    if as_json:
        checks = [asdict(check) for check in report.checks]
        print(json.dumps({"bundle": str(report.bundle), "bytes": report.bytes, "checks": checks}))
        return
    table = Table(
        "graph", "output", "error", "float32 autograd", "1 - cosine", title="against float64 autograd", box=None
    )
    for check in report.checks:
        table.add_row(
            check.graph, check.output, f"{check.error:.1e}", f"{check.float32_error:.1e}", f"{1 - check.cosine:.1e}"
        )
    if report.checks:
        Console().print(table)
    size = sum(report.bytes.values()) / 1e6
    print(f"{report.bundle}: {len(report.bytes)} graphs, {size:.1f} MB{'' if report.checks else ', not verified'}")
    print(f"next: drc run SOURCE --model {report.bundle}")
