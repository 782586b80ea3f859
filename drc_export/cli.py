"""The ``drc export`` command, a thin shell over ``drc_export.bundle.export``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drc_runtime.bundle.manifest import MANIFEST
from drc_runtime.errors import UsageError
from drc_runtime.machine import machine_name

if TYPE_CHECKING:
    from drc_export.bundle import ExportReport
    from drc_export.tensorrt import BuiltEngine


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="The --out folder of drc train; with --trt, a bundle as well.")
    ],
    out: Annotated[Path | None, typer.Option(metavar="BUNDLE", help="The folder to make.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the bundle. Default: the folder's.")] = None,
    torchscript: Annotated[
        bool, typer.Option("--torchscript", help="Add the same functions as TorchScript, for libtorch and PyTorch.")
    ] = False,
    precision: Annotated[
        str, typer.Option(help="fp32, or fp32,fp16 to add graphs with their convolutions in float16.")
    ] = "fp32",
    trt: Annotated[
        bool, typer.Option("--trt", help="Build TensorRT engines for this machine's GPU into the bundle.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Make no bundle: show what each rewrite of the step buys.")
    ] = False,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not compare with float64 autograd first.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one machine-readable object on stdout.")] = False,
) -> None:
    """Turn a run into a bundle: ONNX graphs with the gradient inside, verified against float64 autograd."""
    from rich.console import Console

    if (run / MANIFEST).is_file():
        if not trt or out is not None:
            raise UsageError(
                f"{run} is a bundle already: all that can be added to it is engines, with --trt and no --out"
            )
        _print_engines(_build_engines(run, verified=not no_verify), as_json)
        return
    if explain:
        _explain(run, as_json)
        return
    if out is None:
        raise UsageError("--out is missing: the folder of the bundle to make")
    from drc_export.bundle import export as export_run

    with Console(stderr=True).status("exporting and verifying ..."):
        report = export_run(
            run,
            out,
            name=name,
            verified=not no_verify,
            overwrite=overwrite,
            torchscript=torchscript,
            precisions=tuple(precision.split(",")),
        )
    if as_json:
        _print_json(report, _build_engines(out, verified=not no_verify) if trt else [])
        return
    _print_tables(report)
    size = sum(report.bytes.values()) / 1e6
    print(f"{report.bundle}: {len(report.bytes)} files, {size:.1f} MB{'' if report.checks else ', not verified'}")
    if trt:
        _print_engines(_build_engines(out, verified=not no_verify), as_json=False)
    print(f"next: drc run SOURCE --model {report.bundle}{' --engine tensorrt' if trt else ''}")


def _explain(run: Path, as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from benchmarks.explain import explain

    with Console(stderr=True).status("exporting with and without each rewrite ..."):
        variants = explain(run)
    if as_json:
        print(json.dumps({"machine": machine_name(), "variants": [asdict(variant) for variant in variants]}))
        return
    columns = ("posterior_step", "nodes", "", "MFLOP", "", "ms", "")
    table = Table(*columns, title=machine_name(), box=None, title_justify="left")
    whole = variants[0]
    for it in variants:
        row = [(it.nodes, whole.nodes, 0), (it.flops / 1e6, whole.flops / 1e6, 0)]
        row.append((it.milliseconds, whole.milliseconds, 2))
        more = ("" if it is whole else f"{value - least:+.{digits}f}" for value, least, digits in row)
        cells = (f"{value:.{digits}f}" for value, _, digits in row)
        table.add_row(it.name, *(cell for pair in zip(cells, more, strict=True) for cell in pair))
    Console().print(table)


def _build_engines(bundle: Path, *, verified: bool) -> "list[BuiltEngine]":
    from rich.console import Console

    from drc_export.tensorrt import build_engines

    # minutes, and nobody else says what goes on
    with Console(stderr=True).status("building TensorRT engines ...") as status:
        return build_engines(bundle, verified=verified, progress=status.update)


def _print_engines(engines: "list[BuiltEngine]", as_json: bool) -> None:
    if as_json:
        print(json.dumps({"engines": [_plain(engine) for engine in engines]}))
        return
    for engine in engines:
        print(f"{engine.file}: {engine.bytes / 1e6:.1f} MB, built and checked in {engine.seconds:.0f} s")


def _plain(engine: "BuiltEngine") -> dict[str, object]:
    return {**asdict(engine), "file": str(engine.file)}


def _print_json(report: "ExportReport", engines: "list[BuiltEngine]") -> None:
    # the tolerances are the program's own, and one of them is infinite, which JSON cannot say
    checks = [{key: value for key, value in asdict(check).items() if key != "tolerance"} for check in report.checks]
    values = {"bundle": str(report.bundle), "bytes": report.bytes, "checks": checks, "backends": report.backends}
    print(json.dumps({**values, "engines": [_plain(engine) for engine in engines]}))


def _print_tables(report: "ExportReport") -> None:
    from rich.console import Console
    from rich.table import Table

    # never narrower than the tables: in a file or a pipe, rich would fold their cells
    console = Console()
    console = Console(width=max(console.width, 120))
    if report.checks:
        columns = ("backend", "graph", "output", "error", "float32 autograd", "1 - cosine")
        table = Table(*columns, title="against float64 autograd", box=None, title_justify="left")
        for check in report.checks:
            errors = f"{check.error:.1e}", f"{check.float32_error:.1e}", f"{1 - check.cosine:.1e}"
            table.add_row(check.backend, check.graph, check.output, *errors)
        console.print(table)
    title = "which backends can take which graph, by their documentation"
    table = Table("backend", "takes", "does not take", title=title, box=None, title_justify="left")
    for backend in next(iter(report.backends.values())):
        problems = {graph: found[backend] for graph, found in report.backends.items()}
        takes = ", ".join(graph for graph, found in problems.items() if not found)
        refuses = "; ".join(_refusal(graph, found) for graph, found in problems.items() if found)
        table.add_row(backend, takes, refuses)
    console.print(table)


def _refusal(graph: str, problems: list[str]) -> str:
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return f"{graph}: {problems[0]}{more}"
